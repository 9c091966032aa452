package invoker

import (
	"slices"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

// poller is the watcher's memory of a job between two rounds. A round that got it from due owns it
// until it gives it back: again, glanced, elsewhere or done.
type poller struct {
	job     string
	now     func() time.Time     // by the store's clock
	pages   int                  // of the last complete list
	listed  time.Time            // when the last complete list began
	missing map[string]time.Time // by invocation: since when Cloud Run has not known its execution
	counts  map[string]countFrom // by invocation
	since   map[string]time.Time // by invocation: the first round that saw it run
	rows    map[string]watched   // by invocation: its row in the last round
	urgent  urgency              // a caller waits for one of the job's executions
	cost    int                  // reads of the current round
	aside   int                  // reads that other parts made meanwhile

	round    int           // number of the last round
	began    time.Time     // when that began
	next     time.Time     // when the next round is due
	earliest time.Time     // when the reads until now are paid for: no round begins before
	delay    time.Duration // before the next round
	glance   time.Time     // when to look for rows of other processes; zero: never
	early    bool          // the glance is due, and the next round is not
	busy     bool          // a round owns the poller
	fresh    bool          // something changed while a round owned it, so it is due again soon
	found    bool          // the store had rows of the job after the current look began
}

// watched is the part of a row that shows whether another process has changed it.
type watched struct {
	state      runwith.State
	cancelling bool
}

func watchedOf(r ledger.Record) watched { return watched{r.State, !r.CancelRequested.IsZero()} }

// countFrom is the earliest beginning of a list in which "not found" counts: row is that time by
// the store's clock. here is the same time by the machine's monotonic clock, so a jump of a clock
// does not bring it nearer.
type countFrom struct {
	row, here time.Time
}

// news reports whether there are rows that the last round did not know, or not as they are.
func (p *poller) news(rows []ledger.Record) bool {
	return slices.ContainsFunc(rows, func(r ledger.Record) bool { return p.rows[r.ID] != watchedOf(r) })
}

// counting returns when a list may begin that proves, by not showing the record's
// execution, that there is none.
func (p *poller) counting(r ledger.Record) time.Time {
	c := p.counts[r.ID]
	if !c.row.Equal(r.SearchFrom) {
		c = countFrom{r.SearchFrom, machineNow().Add(r.SearchFrom.Sub(p.now()))}
		p.counts[r.ID] = c
	}
	return c.here
}
