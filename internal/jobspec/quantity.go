package jobspec

import (
	"math/big"
	"regexp"
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

// quantityForm matches a number with a unit or a decimal exponent.
//
// See https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/.
var quantityForm = regexp.MustCompile(`^\+?([0-9]+\.?[0-9]*|\.[0-9]+)(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?[0-9]{1,2}))?$`)

// parseQuantity parses an amount that is not negative, such as 1, 1000m, 0.5, 1e3, 512Mi or
// 2G. It rounds fractions of a thousandth up, as Kubernetes does.
func parseQuantity(s string) (quantity, bool) {
	m := quantityForm.FindStringSubmatch(s)
	if m == nil || len(s) > maxQuantity {
		return 0, false
	}
	text := m[1]
	if m[3] != "" {
		text += "e" + m[3]
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return 0, false
	}
	r.Mul(r, quantityScale(m[2]))
	whole, rest := new(big.Int).QuoRem(r.Num(), r.Denom(), new(big.Int))
	if rest.Sign() > 0 {
		whole.Add(whole, big.NewInt(1))
	}
	return quantity(whole.Int64()), whole.IsInt64()
}

// quantityScale returns the thousandths in a unit.
func quantityScale(suffix string) *big.Rat {
	power := map[byte]int64{'n': -3, 'u': -2, 'm': -1, 'k': 1, 'K': 1, 'M': 2, 'G': 3, 'T': 4, 'P': 5, 'E': 6}
	scale, base := big.NewRat(int64(unit), 1), big.NewRat(1000, 1)
	if suffix == "" {
		return scale
	}
	if len(suffix) == 2 {
		base.SetInt64(1024)
	}
	n := power[suffix[0]]
	if n < 0 {
		base.Inv(base)
		n = -n
	}
	for range n {
		scale.Mul(scale, base)
	}
	return scale
}
