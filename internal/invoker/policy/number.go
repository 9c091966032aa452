package policy

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/runwith/runwith/internal/invoker/configfile"
)

// bounds are limits of a number; nil is none.
type bounds struct{ least, most, above, below, step *big.Rat }

// number returns a number as text: exactly, in decimal notation, and a whole one without a
// fraction.
func (p *parameter) number(value any) (text, fault string) {
	n := exact(value)
	switch {
	case n == nil && p.spec.Type == "integer", n != nil && p.spec.Type == "integer" && !n.IsInt():
		return "", "must be a whole number"
	case n == nil:
		return "", "must be a number"
	case n.Cmp(tooLarge()) >= 0 || new(big.Rat).Neg(n).Cmp(tooLarge()) >= 0:
		return "", "is too large: numbers have at most 18 digits before the point, so make it a string"
	}
	return decimal(n), p.bounds.fault(n)
}

// tooLarge is the smallest number that is too large: 10^18.
func tooLarge() *big.Rat { return big.NewRat(1_000_000_000_000_000_000, 1) }

// exact returns a number as JSON's readers and Go programs send it, or nil for other values
// and for numbers with very many digits.
func exact(value any) *big.Rat {
	switch v := value.(type) {
	case float64:
		return rational(strconv.FormatFloat(v, 'g', -1, 64))
	case int:
		return new(big.Rat).SetInt64(int64(v))
	case json.Number:
		return rational(string(v))
	}
	return nil
}

// fault returns the limit that a number breaks; empty means none.
func (b bounds) fault(n *big.Rat) string {
	switch {
	case b.least != nil && n.Cmp(b.least) < 0:
		return "must be at least " + decimal(b.least)
	case b.most != nil && n.Cmp(b.most) > 0:
		return "must be at most " + decimal(b.most)
	case b.above != nil && n.Cmp(b.above) <= 0:
		return "must be larger than " + decimal(b.above)
	case b.below != nil && n.Cmp(b.below) >= 0:
		return "must be smaller than " + decimal(b.below)
	case b.step != nil && !new(big.Rat).Quo(n, b.step).IsInt():
		return "must be a multiple of " + decimal(b.step)
	}
	return ""
}

// rational returns a decimal number exactly. It is nil for text that is no number in JSON,
// or one that would need very many digits.
func rational(text string) *big.Rat {
	if !configfile.IsNumber(text) {
		return nil
	}
	n, _ := new(big.Rat).SetString(text)
	return n
}

// decimal returns a number that has a finite decimal notation.
func decimal(n *big.Rat) string {
	if n.IsInt() {
		return n.Num().String()
	}
	const digits = 140 // more than IsNumber allows
	return strings.TrimRight(n.FloatString(digits), "0")
}

func atLeast(n int) string { return fmt.Sprintf("must have at least %d characters", n) }
func atMost(n int) string  { return fmt.Sprintf("must have at most %d characters", n) }
