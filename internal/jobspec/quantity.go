package jobspec

import (
	"math/big"
	"strings"
)

// quantity is an amount in Kubernetes' notation, in thousandths: CPUs are
// counted so, and memory in thousandths of a byte loses nothing.
type quantity int64

const (
	unit quantity = 1000 // one CPU, one byte
	mebi          = unit << 20
	gibi          = unit << 30
)

// maxQuantity is more characters than any sensible amount has.
const maxQuantity = 32

// parseQuantity reads a decimal number and a unit, such as 1, 1000m, 0.5, 512Mi
// or 2G. What is finer than a thousandth is rounded up, as Kubernetes does.
//
// Deviation: it takes neither signs nor exponents, nor units above Ti.
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

// isDecimal reports whether s is digits with at most one dot, a digit before it.
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

// quantityScale returns what a unit stands for.
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
