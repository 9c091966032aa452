package console

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// rows are a list of fields: arguments, which have values alone, or variables and labels, which
// have names too.
type rows struct {
	at    string // begin of the names of its fields
	plain bool   // values alone
	all   []listRow
}

// listRow is one row.
type listRow struct{ Name, Value string }

// spareRows is how many empty rows a list has at its end.
const spareRows = 2

// read takes the rows from a form. Browsers send line breaks as CR and LF.
func (r *rows) read(sent url.Values) {
	names, values := sent[r.at+".name"], sent[r.at+".value"]
	r.all = make([]listRow, max(len(names), len(values)))
	for i := range r.all {
		if i < len(names) {
			r.all[i].Name = strings.TrimSpace(names[i])
		}
		if i < len(values) {
			r.all[i].Value = strings.ReplaceAll(values[i], "\r\n", "\n")
		}
	}
}

// add adds an empty row.
func (r *rows) add() { r.all = append(r.all, listRow{}) }

// remove removes a row.
func (r *rows) remove(n int) {
	if n >= 0 && n < len(r.all) {
		r.all = slices.Delete(r.all, n, n+1)
	}
}

// filled reports whether some row has something.
func (r *rows) filled() bool {
	return slices.ContainsFunc(r.all, func(one listRow) bool { return one != listRow{} })
}

// find returns the index of the last row with a name, or -1.
func (r *rows) find(name string) int {
	for i, one := range slices.Backward(r.all) {
		if one.Name == name {
			return i
		}
	}
	return -1
}

// id is the ID of a row in the page.
func (r *rows) id(n int) string { return r.at + "." + strconv.Itoa(n) }

// pairs returns the rows by name, and notes the faults of rows without one, and of names that
// occur twice. It is nil if no row has a name.
func (r *rows) pairs(f *form) map[string]string {
	var all map[string]string
	for i, one := range r.all {
		_, twice := all[one.Name]
		switch {
		case one == listRow{}:
			continue
		case one.Name == "":
			f.fault(r.id(i), "the value needs a name")
			continue
		case twice:
			f.fault(r.id(i), "%s occurs twice", brief(one.Name))
		case all == nil:
			all = map[string]string{}
		}
		all[one.Name] = one.Value
	}
	return all
}

// set fills the list.
func (r *rows) set(pairs map[string]string) {
	r.all = nil
	for _, name := range slices.Sorted(maps.Keys(pairs)) {
		r.all = append(r.all, listRow{name, pairs[name]})
	}
}

// padded returns the rows with some empty ones at the end, as many as people need without
// JavaScript.
func (r *rows) padded() []listRow {
	all := slices.Clone(r.all)
	spare := 0
	for _, one := range slices.Backward(all) {
		if one != (listRow{}) {
			break
		}
		spare++
	}
	for ; spare < spareRows; spare++ {
		all = append(all, listRow{})
	}
	return all
}
