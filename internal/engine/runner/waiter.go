package runner

// Waiter is a [Runner] that knows why an attempt that is placed does not run yet.
type Waiter interface {
	// Waiting returns the reason for people, such as "Unschedulable: 0/3 nodes are
	// available". It is empty if the attempt runs, or is not there, and if nothing is known.
	// It does not block.
	Waiting(id ID) string
}

// Waiting returns why a Runner's attempt does not run yet, if the Runner is a [Waiter].
func Waiting(r Runner, id ID) string {
	if w, ok := r.(Waiter); ok {
		return w.Waiting(id)
	}
	return ""
}

// Waiting implements [Waiter] for the runners that do.
func (s *Switch) Waiting(id ID) (why string) {
	for _, r := range s.of(id) {
		if why = Waiting(r, id); why != "" {
			break
		}
	}
	return why
}
