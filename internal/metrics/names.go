package metrics

// Other is the value of a label for all names beyond the first ones of [Names].
const Other = "other"

// maxNames is the most names that a label has, without [Other].
const maxNames = 100

// Names bounds a label whose values come from outside, such as the names of jobs: the first
// 100 names keep their own value, and all later ones share [Other]. The zero value is ready
// to use, and its methods may be called concurrently.
type Names struct {
	known series[struct{}]
}

// Label returns the value of the label for a name.
func (n *Names) Label(name string) string {
	v, all := values{name}, n.known.all()
	switch {
	case all[v] != nil:
		return name
	case len(all) >= maxNames:
		return Other
	}
	n.known.at(v, func() *struct{} { return &struct{}{} })
	return name
}
