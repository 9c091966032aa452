package invoker

import (
	"log/slog"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/tracing"
)

// handover is how the parts hand work to each other. A part first writes to the store,
// and then calls a method here, which wakes the next part. That part reads its work from
// the store. So a late or repeated ring does no harm, and a crash loses no work.
type handover struct {
	dispatch, check, cancel, price *loop
	watch                          *watchlist
	counters                       *counters
	tracer                         *tracing.Tracer
	logger                         *slog.Logger
	now                            func() time.Time // by the store's clock
}

func newHandover(c Config, counting *counters) *handover {
	return &handover{
		dispatch: newLoop(), check: newLoop(), cancel: newLoop(), price: newLoop(), watch: newWatchlist(c),
		counters: counting, tracer: c.Tracer, logger: c.Logger, now: c.now,
	}
}

// accepted hands on a new row, and those that made room for it.
func (h *handover) accepted(a store.Accepted) {
	h.counters.replay(a.Record, a.Replayed)
	if a.Replayed {
		return
	}
	h.counters.accept(a.Record)
	for _, m := range a.Moved {
		h.moved(m.From, m.To)
	}
	if !a.Record.Checked {
		h.check.ring()
	}
	h.dispatch.ring()
}

// moved hands on a row after a transition.
func (h *handover) moved(from, to ledger.Record) {
	h.counters.moved(from, to, h.now())
	if to.Ended() {
		h.ended(to)
	}
	if to.Unsettled() {
		h.price.ring()
	}
	if to.Watched() && (!from.Watched() || from.State != to.State) {
		h.watch.add(to.Target)
	}
	if to.Waiting() && !to.Checked {
		h.check.ring()
	}
	if to.Waiting() || from.Holds() && !to.Holds() || (ledger.Move{From: from, To: to}).FreesBudget() {
		h.dispatch.ring()
	}
	if to.State == runwith.StateRunning && !to.CancelRequested.IsZero() {
		h.cancel.ring()
	}
	if to.State == runwith.StateUnresolved && from.State != to.State {
		h.logger.Warn("invocation is unresolved", "invocation", to.ID, "job", to.Job, "reason", to.Error.Message)
	}
}
