package jobspec

import (
	"math/big"
	"strings"
)

// quantity is an amount in Kubernetes' notation, counted in thousandths of a CPU or of
// a byte.
type quantity int64

const (
	unit quantity = 1000 // one CPU, one byte
	mebi          = unit << 20
	gibi          = unit << 30
)

// maxQuantity limits the length of an amount, in characters.
const maxQuantity = 32

// parseQuantity parses a decimal number with a unit, such as 1, 1000m, 0.5, 512Mi or
// 2G. It rounds fractions of a thousandth up, as Kubernetes does.
//
// Deviation: it accepts neither signs nor exponents nor units above Ti.
func parseQuantity(s string) (quantity, bool) {
	digits := strings.TrimRight(s, "mkKMGTi")
	scale, known := quantityScale(s[len(digits):])
	if !known || !isDecimal(digits) {
		return 0, false
	}
	r, ok := new(big.Rat).SetString(digits)
	if !ok {
		return 0, false
	}
	r.Mul(r, new(big.Rat).SetInt64(int64(scale)))
	whole, rest := new(big.Int).QuoRem(r.Num(), r.Denom(), new(big.Int))
	if rest.Sign() > 0 {
		whole.Add(whole, big.NewInt(1))
	}
	return quantity(whole.Int64()), whole.IsInt64()
}

// isDecimal reports whether s consists of digits with at most one dot after the first.
func isDecimal(s string) bool {
	if s == "" || len(s) > maxQuantity || !isDigit(s[0]) {
		return false
	}
	dots := 0
	for i := range len(s) {
		if s[i] == '.' {
			dots++
		} else if !isDigit(s[i]) {
			return false
		}
	}
	return dots <= 1
}

// quantityScale returns the factor of a unit, and false for an unknown unit.
func quantityScale(suffix string) (quantity, bool) {
	switch suffix {
	case "m":
		return 1, true
	case "":
		return unit, true
	case "k":
		return unit * 1e3, true
	case "M":
		return unit * 1e6, true
	case "G":
		return unit * 1e9, true
	case "T":
		return unit * 1e12, true
	case "Ki":
		return unit << 10, true
	case "Mi":
		return mebi, true
	case "Gi":
		return gibi, true
	case "Ti":
		return unit << 40, true
	}
	return 0, false
}
