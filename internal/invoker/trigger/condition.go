package trigger

import (
	"encoding/json"
	"maps"
	"math/big"
	"slices"

	"github.com/runwith/runwith/internal/invoker/configfile"
)

// condition is a part of an event, and the values that it may have.
type condition struct {
	pointer pointer
	values  []any
}

func newConditions(when map[string]configfile.Conditions) (all []condition) {
	for _, text := range slices.Sorted(maps.Keys(when)) {
		all = append(all, condition{newPointer(text), when[text]})
	}
	return all
}

// matches reports whether an event starts the job: every condition has one of its values.
func (t *trigger) matches(e event) bool {
	if t.pings(e) {
		return false
	}
	for _, c := range t.when {
		value, found := c.pointer.in(e.content)
		if !found || !slices.ContainsFunc(c.values, func(want any) bool { return equal(value, want) }) {
			return false
		}
	}
	return true
}

// equal compares as text, because attributes are always text, and numbers by their value.
func equal(value, want any) bool {
	a, fault := textOf(value)
	b, _ := textOf(want)
	if a == b && fault == "" {
		return true
	}
	_, number := value.(json.Number)
	_, alsoNumber := want.(json.Number)
	return number && alsoNumber && sameNumber(a, b)
}

// sameNumber compares two numbers of JSON, unless they have very many digits.
func sameNumber(a, b string) bool {
	if !configfile.IsNumber(a) || !configfile.IsNumber(b) {
		return false
	}
	x, ok := new(big.Rat).SetString(a)
	y, also := new(big.Rat).SetString(b)
	return ok && also && x.Cmp(y) == 0
}
