package sqlite

import (
	"math"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/sqlite"
)

// reservations are the sums of the worst cases that count in shares, so that an acceptance does not
// add up the rows of a long queue. They are known from the first look at a share. Each write that
// changes which rows reserve changes the sums too; a rollback forgets them. Only writes use them, and
// these run one after the other.
type reservations map[reserved]ledger.Cost

// reserved is a share without its limit.
type reserved struct {
	month int
	ledger.Scope
}

const (
	// mostSums bounds how many sums are known: each value of a label may have its own.
	mostSums = 10_000
	// largestSum bounds a sum that is known. The store adds up a larger one, which may overflow.
	largestSum = math.MaxInt64 / 2
)

// of returns the sum of a share.
func (s reservations) of(tx *sqlite.Tx, share ledger.Share) (ledger.Cost, error) {
	key := reserved{share.Month, share.Scope}
	if known, ok := s[key]; ok {
		return known, nil
	}
	sum, err := reservedOf(tx, share)
	if err == nil && len(s) >= mostSums {
		clear(s)
	}
	if err == nil {
		s.set(key, sum)
		s.forgetUnless(tx)
	}
	return sum, err
}

// change replaces a row by what a write makes of it. The zero row reserves nothing.
func (s reservations) change(tx *sqlite.Tx, before, after ledger.Record) {
	if len(s) == 0 || reserving(before) == reserving(after) && before.Worst == after.Worst {
		return
	}
	s.forgetUnless(tx)
	s.add(before, -1)
	s.add(after, 1)
}

// add adds the worst case of a row to each sum that counts it. A negative sign subtracts it.
func (s reservations) add(r ledger.Record, sign int64) {
	month := reserving(r)
	if month == 0 {
		return
	}
	for _, scope := range r.Scopes() {
		key := reserved{month, scope}
		if sum, known := s[key]; known && (scope.Caller == "" || scope.Owner() == r.Caller) {
			s.set(key, ledger.Cost{VCPU: sum.VCPU + sign*r.Worst.VCPU, Memory: sum.Memory + sign*r.Worst.Memory, Money: sum.Money + sign*r.Worst.Money})
		}
	}
}

// set keeps a sum, unless it is out of bounds.
func (s reservations) set(key reserved, sum ledger.Cost) {
	if min(sum.VCPU, sum.Memory, sum.Money) < 0 || max(sum.VCPU, sum.Memory, sum.Money) > largestSum {
		delete(s, key)
		return
	}
	s[key] = sum
}

// forgetUnless forgets all sums unless the transaction is committed.
func (s reservations) forgetUnless(tx *sqlite.Tx) {
	tx.OnEnd(func(committed bool) {
		if !committed {
			clear(s)
		}
	})
}
