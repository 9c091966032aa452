package policy

import (
	"math/big"
	"strings"
)

// bound is one end of a range of numbers.
type bound struct {
	at   *big.Rat
	open bool // at itself is outside
}

// checkBounds notes bounds that no number fits. It names all of them, because each one is
// right on its own.
func (c parameterCompiler) checkBounds() {
	whole := c.spec.Type == "integer"
	if !whole && c.spec.Type != "number" || !c.bounds.empty(whole) {
		return
	}
	var given []string
	for _, bound := range []struct {
		name string
		at   *big.Rat
	}{
		{"minimum", c.bounds.least}, {"exclusiveMinimum", c.bounds.above}, {"maximum", c.bounds.most},
		{"exclusiveMaximum", c.bounds.below}, {"multipleOf", c.bounds.step},
	} {
		if bound.at != nil {
			given = append(given, bound.name)
		}
	}
	at := c.at.Field(given[0])
	if len(given) == 1 {
		c.Addf(at, "leaves no valid number: numbers have at most 18 digits before the point")
		return
	}
	c.Addf(at, "leaves no valid number together with %s", strings.Join(given[1:], " and "))
}

// empty reports whether no number fits the bounds.
func (b bounds) empty(whole bool) bool {
	low, high := b.lower(), b.upper()
	step := b.step
	switch {
	case whole && step == nil:
		step = big.NewRat(1, 1)
	case whole: // the whole multiples of a/b, in lowest terms, are those of a
		step = new(big.Rat).SetInt(step.Num())
	}
	if step != nil {
		low = low.next(step)
	}
	order := low.at.Cmp(high.at)
	return order > 0 || order == 0 && (low.open || high.open)
}

// lower returns the lower end of the range.
func (b bounds) lower() bound {
	low := bound{new(big.Rat).Neg(tooLarge()), true}
	if b.least != nil && b.least.Cmp(low.at) > 0 {
		low = bound{b.least, false}
	}
	if b.above != nil && b.above.Cmp(low.at) >= 0 {
		low = bound{b.above, true}
	}
	return low
}

// upper returns the upper end of the range.
func (b bounds) upper() bound {
	high := bound{tooLarge(), true}
	if b.most != nil && b.most.Cmp(high.at) < 0 {
		high = bound{b.most, false}
	}
	if b.below != nil && b.below.Cmp(high.at) <= 0 {
		high = bound{b.below, true}
	}
	return high
}

// next returns the first multiple of step in a range that begins here.
func (b bound) next(step *big.Rat) bound {
	count := new(big.Rat).Quo(b.at, step)
	whole := new(big.Int).Div(count.Num(), count.Denom()) // rounds down: the denominator is positive
	if !count.IsInt() || b.open {
		whole.Add(whole, big.NewInt(1))
	}
	return bound{new(big.Rat).Mul(new(big.Rat).SetInt(whole), step), false}
}
