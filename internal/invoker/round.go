package invoker

import (
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/proto"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

// round is one look at the executions of a job.
type round struct {
	poller    *poller
	rows      []ledger.Record
	running   map[string]ledger.Record // by invocation
	named     map[string][]string      // invocations that run, by the name of their execution
	searching bool                     // for the execution of some row
	twins     bool                     // late twins are possible

	failed  bool // a read
	began   time.Time
	whole   bool // every page was read
	jobGone bool // there is no such job
	pages   int
	kept    int                           // bytes of the executions below
	seen    map[string]*runpb.Execution   // executions of running rows, by invocation
	bearers map[string][]*runpb.Execution // executions by the invocation in their marker
	memory
}

// memory is how far back a list goes.
type memory struct {
	listed int       // executions
	oldest time.Time // when the oldest of them was created
}

func newRound(p *poller, rows []ledger.Record) *round {
	r := &round{
		poller: p, rows: rows, running: map[string]ledger.Record{}, named: map[string][]string{},
		seen: map[string]*runpb.Execution{}, bearers: map[string][]*runpb.Execution{},
	}
	counts := map[string]countFrom{}
	p.rows = map[string]watched{}
	for _, row := range rows {
		p.rows[row.ID] = watchedOf(row)
		if row.Execution != "" && !row.Ended() {
			r.running[row.ID] = row
			r.named[row.Execution] = append(r.named[row.Execution], row.ID)
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
	p.counts = counts // the others are no longer searched for
	return r
}

// listing reports whether the round reads a list: to search, or because a list costs
// fewer reads than every running execution by itself.
func (r *round) listing() bool {
	return r.searching || r.twins && elapsed(r.poller.listed) >= twinEvery || len(r.running) > max(1, r.poller.pages)
}

// maxKept bounds the executions that a round keeps, in bytes.
const maxKept = 256 << 20

// see takes in a page of the list. It fails if there is no room for executions that a search has
// found. A running one that has no room is read by itself later.
func (r *round) see(page []*runpb.Execution) error {
	r.pages++
	for _, e := range page {
		r.listed++
		if created := e.GetCreateTime().AsTime(); r.oldest.IsZero() || created.Before(r.oldest) {
			r.oldest = created
		}
		for _, id := range r.named[e.GetName()] {
			if owns(r.running[id], e) && r.keep(e) {
				r.seen[id] = e
			}
		}
		id, _ := bornBy(e)
		if _, ours := r.bearers[id]; !ours || e.GetName() == r.running[id].Execution {
			continue
		}
		if !r.keep(e) {
			return runwith.Errorf(runwith.Internal, "the executions with markers of job %s have more than %d MiB: delete those that another client has started "+
				"with a copy of the variable %s", r.poller.job, maxKept>>20, Marker)
		}
		r.bearers[id] = append(r.bearers[id], e)
	}
	return nil
}

// keep reports whether there is room for another execution.
func (r *round) keep(e *runpb.Execution) bool {
	r.kept += proto.Size(e)
	return r.kept <= maxKept
}

// owns reports whether an execution with the name of the row's is the row's own. Cloud Run
// may use the name of a deleted execution again: that one has another UID and another
// marker.
func owns(row ledger.Record, e *runpb.Execution) bool {
	id, marked := bornBy(e)
	return row.Executes(e.GetUid()) && (!marked || id == row.ID)
}

// allSeen reports whether the pages so far show every running execution.
func (r *round) allSeen() bool {
	return len(r.seen) == len(r.running) && (!r.twins || elapsed(r.poller.listed) < twinEvery)
}

// matters returns when a list can next prove that an execution does not exist; zero: no
// row waits for that.
func (r *round) matters() (at time.Time) {
	for _, c := range r.poller.counts {
		if c.here.After(r.began) && (at.IsZero() || c.here.Before(at)) {
			at = c.here
		}
	}
	return at
}
