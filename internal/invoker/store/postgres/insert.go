package postgres

import (
	"maps"
	"slices"
	"time"

	"github.com/runwith/runwith/internal/invoker/ledger"
)

// insert adds a row and its labels, and settles the refused event for which it is.
func insert(t tx, r ledger.Record) error {
	var b batch
	b.insert(r)
	return b.run(t)
}

func (b *batch) insert(r ledger.Record) {
	b.exec(insertRecord, values(r)...)
	if len(r.Labels) > 0 {
		names := slices.Sorted(maps.Keys(r.Labels))
		labels := make([]string, len(names))
		for i, name := range names {
			labels[i] = r.Labels[name]
		}
		b.exec(`INSERT INTO labels (owner, name, value, invocation, month)
			SELECT $1, name, value, $2, $3 FROM unnest($4::text[], $5::text[]) AS label (name, value)`,
			r.Owner, r.ID, reserving(r), names, labels)
	}
	b.settleEventOf(r, r.Created)
}

// remove deletes rows, and all that belongs to them.
func (b *batch) remove(ids []string) {
	b.exec(`DELETE FROM labels WHERE invocation = ANY($1)`, ids)
	b.exec(`DELETE FROM twins WHERE invocation = ANY($1)`, ids)
	b.exec(`DELETE FROM deliveries WHERE invocation = ANY($1)`, ids)
	b.exec(`DELETE FROM invocations WHERE id = ANY($1)`, ids)
}

// settleEventOf settles the refused event for which an invocation was accepted, if there is one.
func settleEventOf(t tx, r ledger.Record, now time.Time) error {
	var b batch
	b.settleEventOf(r, now)
	return b.run(t)
}

func (b *batch) settleEventOf(r ledger.Record, now time.Time) {
	if r.Source == nil || r.Source.Trigger == "" || r.Source.Event == "" {
		return
	}
	b.exec(`UPDATE refused_events SET retried = $1, ended = $2 WHERE trigger_name = $3 AND event = $4 AND event <> '' AND ended = 'epoch'`,
		r.ID, stamp(now), r.Source.Trigger, r.Source.Event)
}

// unsettleEventOf makes the event of a withdrawn invocation wait again.
func (b *batch) unsettleEventOf(r ledger.Record) {
	if r.Source != nil && r.Source.Trigger != "" {
		b.exec(`UPDATE refused_events SET retried = '', ended = 'epoch' WHERE retried = $1 AND retried <> ''`, r.ID)
	}
}

// reserving returns the month in which a row counts with its worst case; 0: it does not.
func reserving(r ledger.Record) int {
	if r.Reserves() {
		return r.Month
	}
	return 0
}
