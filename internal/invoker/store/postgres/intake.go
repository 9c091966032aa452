package postgres

import (
	"errors"
	"slices"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

// errKeyTaken means that another process has taken a newcomer's key since the look for it.
var errKeyTaken = errors.New("the key was taken meanwhile")

// keyTries is how often a newcomer is looked at whose key is taken meanwhile.
const keyTries = 5

// intake accepts newcomers in one transaction.
type intake struct {
	*Store
	t         tx
	newcomers []store.Newcomer
	results   []store.AcceptedOrError

	buckets map[string]ledger.Bucket // of rates, with the tokens that are left
	spent   map[string]ledger.Bucket // those of them that have changed
	purse   *purse
	told    bool // events of budgets were stored
}

// neighbours are what a newcomer finds.
type neighbours struct {
	before           []ledger.Record // that has its key; one or none
	waiting, holding []ledger.Record // with its concurrency key
}

// accept accepts a newcomer, or refuses it in the result. A refused one leaves nothing behind but
// the events of its refusal.
func (in *intake) accept(n store.Newcomer) (store.AcceptedOrError, error) {
	if b := n.Admission.Budgets; in.purse == nil || !in.purse.budgets.Equal(b) {
		in.purse = newPurse(in.t, b, n.Admission.Now)
	}
	for range keyTries {
		accepted, err := in.acceptOne(n)
		if errors.Is(err, errKeyTaken) {
			continue
		}
		told, refusal := store.WithoutEvents(err)
		if _, refused := errors.AsType[*runwith.Error](refusal); !refused {
			in.told = in.told || in.purse.told
			return store.AcceptedOrError{Accepted: accepted}, err
		}
		err = in.purse.tell(told)
		in.told = in.told || in.purse.told
		return store.AcceptedOrError{Err: refusal}, err
	}
	return store.AcceptedOrError{}, errKeyTaken
}

// acceptOne decides about a newcomer first, and then writes. So a refusal has nothing to undo,
// unless others made room for the newcomer before a budget refused it.
func (in *intake) acceptOne(n store.Newcomer) (accepted store.Accepted, err error) {
	r, a := n.Record, n.Admission
	found, err := in.look(n)
	if err != nil {
		return accepted, err
	}
	for _, before := range found.before {
		accepted.Record = before
		if before.ID == r.ID { // the connection was lost after the newcomer's commit
			return accepted, nil
		}
		if accepted.Replayed, err = r.Repeats(before, a.Now); accepted.Replayed {
			err = settleEventOf(in.t, before, a.Now)
		}
		if accepted.Replayed || err != nil {
			return accepted, err
		}
	}
	spent, err := ledger.SpendRates(a.Rates, in.buckets, a.Now)
	if err != nil {
		return accepted, err
	}
	r, moves, err := in.admit(n, found)
	if err != nil {
		return accepted, err
	}
	write := func() (err error) {
		accepted, err = in.write(store.Newcomer{Record: r, Admission: a}, moves, found.before)
		return err
	}
	if len(moves) > 0 {
		err = in.apart(write)
	} else {
		err = write()
	}
	if err == nil {
		for _, b := range spent {
			in.buckets[b.Name], in.spent[b.Name] = b, b
		}
	}
	return accepted, err
}

const byKey = ` WHERE owner = $1 AND key = $2`

// look finds the row that has the newcomer's key, and the rows that share its slots.
func (in *intake) look(n store.Newcomer) (found neighbours, err error) {
	var (
		b     batch
		r, a  = n.Record, n.Admission
		count struct{ waiting, holding int }
	)
	if r.Key != "" {
		b.records(&found.before, selectRecord+byKey, r.Owner, r.Key)
	}
	switch {
	case !needsSlot(n):
	case a.Overflow == ledger.Replacing:
		b.records(&found.waiting, selectRecord+` WHERE id = ANY(`+awaiting+`) ORDER BY id`, r.Slot, stamp(a.Now), nil)
		b.records(&found.holding, selectRecord+` WHERE `+holds+` ORDER BY id`, r.Slot)
	default:
		b.rowOf([]any{&count.waiting, &count.holding}, `SELECT cardinality(`+awaiting+`), (`+countHeld+`)`, r.Slot, stamp(a.Now), a.MostWaiting(r))
	}
	if err := b.run(in.t); err != nil {
		return found, err
	}
	if count.waiting+count.holding > 0 { // their number is all that the ledger needs
		found.waiting, found.holding = make([]ledger.Record, count.waiting), make([]ledger.Record, count.holding)
	}
	return found, nil
}

// admit returns the record as it is accepted, and the moves that make room for it.
func (in *intake) admit(n store.Newcomer, found neighbours) (ledger.Record, []ledger.Move, error) {
	r, moves, err := ledger.Admit(n.Record, n.Admission, found.waiting, found.holding)
	if err != nil || len(moves) == 0 {
		return r, nil, err
	}
	var ids []string
	for _, other := range slices.Concat(found.waiting, found.holding) {
		ids = append(ids, other.ID)
	}
	others, err := records(in.t, selectRecord+` WHERE id = ANY($1) ORDER BY id FOR UPDATE`, ids)
	if err != nil {
		return r, nil, err
	}
	found = neighbours{}
	for _, other := range others { // their slots are locked, but they may have moved within their state
		switch {
		case other.Waiting():
			found.waiting = append(found.waiting, other)
		case other.Holds():
			found.holding = append(found.holding, other)
		}
	}
	return ledger.Admit(n.Record, n.Admission, found.waiting, found.holding)
}
