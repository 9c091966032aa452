package invoker

import (
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
)

// round is one look at the executions of a job.
type round struct {
	poller    *poller
	rows      []Record
	running   map[string]Record // by execution
	searching bool              // an invocation is searched for
	twins     bool              // late twins are looked for

	began   time.Time
	whole   bool // every page was read
	jobGone bool // there is no such job
	pages   int
	seen    map[string]*runpb.Execution   // those that run, by name
	bearers map[string][]*runpb.Execution // by the invocation that they carry
	memory
}

// memory is how far back a list goes.
type memory struct {
	listed int       // executions
	oldest time.Time // when the oldest of them was created
}

func newRound(p *poller, rows []Record) *round {
	r := &round{
		poller: p, rows: rows, running: map[string]Record{},
		seen: map[string]*runpb.Execution{}, bearers: map[string][]*runpb.Execution{},
	}
	counts := map[string]countFrom{}
	for _, row := range rows {
		if row.Execution != "" && !row.ended() {
			r.running[row.Execution] = row
		}
		if !row.SearchFrom.IsZero() {
			r.searching = true
			p.counting(row)
			counts[row.ID] = p.counts[row.ID]
		}
		if !row.WatchUntil.IsZero() {
			r.twins = true
		}
		r.bearers[row.ID] = nil
	}
	p.counts = counts // those of others are done with
	return r
}

// listing reports whether the round reads a list: where something is searched for,
// and where that costs fewer reads than to get what runs one by one.
func (r *round) listing() bool {
	return r.searching || r.twins && time.Since(r.poller.listed) >= twinEvery || len(r.running) > max(1, r.poller.pages)
}

// see takes a page in.
func (r *round) see(page []*runpb.Execution) {
	r.pages++
	for _, e := range page {
		r.listed++
		if created := e.GetCreateTime().AsTime(); r.oldest.IsZero() || created.Before(r.oldest) {
			r.oldest = created
		}
		if _, ours := r.running[e.GetName()]; ours {
			r.seen[e.GetName()] = e
		}
		id, _ := bornBy(e)
		if _, ours := r.bearers[id]; ours {
			r.bearers[id] = append(r.bearers[id], e)
		}
	}
}

// allSeen reports whether every execution that runs was in the pages so far.
func (r *round) allSeen() bool {
	return len(r.seen) == len(r.running) && (!r.twins || time.Since(r.poller.listed) < twinEvery)
}

// matters is when the next round has something to find out that waits for a time.
func (r *round) matters() (at time.Time) {
	for _, c := range r.poller.counts {
		if c.here.After(r.began) && (at.IsZero() || c.here.Before(at)) {
			at = c.here
		}
	}
	return at
}
