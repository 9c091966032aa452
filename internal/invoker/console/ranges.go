package console

import (
	"fmt"
	"strings"
)

// ranges collects ascending numbers as ranges, such as 0–16, 21.
type ranges struct {
	count       int
	all         []string
	first, last int
}

// shownRanges is how many ranges are shown.
const shownRanges = 20

func (r *ranges) add(n int) {
	if r.count > 0 && n != r.last+1 {
		r.all = append(r.all, r.text())
		r.first = n
	}
	if r.count == 0 {
		r.first = n
	}
	r.last = n
	r.count++
}

// text returns the range that is not complete.
func (r *ranges) text() string {
	if r.first == r.last {
		return fmt.Sprint(r.first)
	}
	return fmt.Sprintf("%d–%d", r.first, r.last)
}

// String returns the first ranges.
func (r *ranges) String() string {
	all := r.all
	if r.count > 0 {
		all = append(all, r.text())
	}
	if len(all) > shownRanges {
		return strings.Join(all[:shownRanges], ", ") + " and more"
	}
	return strings.Join(all, ", ")
}
