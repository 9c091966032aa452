package invoker

import (
	"fmt"
	"path"
	"slices"
	"sync"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/jobspec"
)

// Rebuild is when a store is filled from the markers of executions.
type Rebuild string

// The choices.
const (
	// RebuildAuto fills a store that is empty, and one that was restored.
	RebuildAuto Rebuild = "auto"
	// RebuildAlways fills it at each start.
	RebuildAlways Rebuild = "always"
	// RebuildNever leaves it as it is.
	RebuildNever Rebuild = "never"
)

// rebuilder reads back from Cloud Run what the store has lost, once, at the start.
type rebuilder struct {
	*base
	watching *watcher      // reads the lists, and takes the executions over
	done     chan struct{} // closed when every key is known

	mu    sync.Mutex
	known time.Time // when that will be; zero: nobody can tell yet
}

// Rebuilt returns a channel that is closed when every key is known that was used
// before. Until then, a request with a key gets UNAVAILABLE.
func (v *Invoker) Rebuilt() <-chan struct{} { return v.rebuilding.done }

// keysKnown returns nil when every key is known, and UNAVAILABLE before.
func (r *rebuilder) keysKnown() error {
	select {
	case <-r.done:
		return nil
	default:
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return &runwith.Error{Code: runwith.Unavailable, Err: askAgainAt(r.known),
		Message: "the keys that were used before are being read back from Cloud Run: send the request again in a moment"}
}

// run reads back what is missing. If it finds anything, the last calls may be a moment
// old, so it waits until they must show, and reads again.
func (r *rebuilder) run(opened time.Time, origin store.Origin) {
	if r.config.Rebuild == RebuildAlways || r.config.Rebuild == RebuildAuto && (origin.Empty || origin.Restored) {
		found, done := r.readBack(opened)
		if done && (found || origin.Restored) {
			_, done = r.readAgain(opened)
		}
		if !done {
			return
		}
	}
	if origin.Restored {
		if err := r.store.Rebuilt(r.closing); err != nil {
			r.logger.Error("the mark of a restored store cannot be removed", "error", err)
		}
	}
	close(r.done)
}

func (r *rebuilder) readAgain(opened time.Time) (found, done bool) {
	known := opened.Add(r.config.unsettled())
	r.mu.Lock()
	r.known = known
	r.mu.Unlock()
	r.sleep(known)
	return r.readBack(opened)
}

// readBack imports what a list shows. It retries until one could be read, or the invoker
// closes. found means that some execution belongs to an invocation from before this
// process.
func (r *rebuilder) readBack(opened time.Time) (found, done bool) {
	for n := 0; r.closing.Err() == nil; n++ {
		marked, err := r.listMarked()
		if err == nil {
			found, err = r.foreign(marked, opened)
		}
		if err == nil {
			err = r.importAll(marked)
		}
		if err == nil {
			return found, true
		}
		r.logger.Warn("the store cannot be rebuilt yet", "code", runwith.CodeOf(err), "error", err)
		r.sleep(time.Now().Add(jitter(ledger.Backoff(n)) / 10))
	}
	return false, false
}

// listMarked returns all executions that carry a marker, by invocation.
func (r *rebuilder) listMarked() (map[string][]*runpb.Execution, error) {
	marked := map[string][]*runpb.Execution{}
	p := &poller{job: jobspec.Wildcard}
	for token := ""; ; {
		page, next, err := r.watching.page(p, token)
		if err != nil {
			return nil, err
		}
		for _, e := range page {
			if id, found := bornBy(e); found {
				marked[id] = append(marked[id], e)
			}
		}
		if token = next; token == "" {
			return marked, nil
		}
	}
}

// foreign reports whether some execution belongs to an invocation that this process has
// not accepted. Invocations without a key are accepted also while keys are read back.
func (r *rebuilder) foreign(marked map[string][]*runpb.Execution, opened time.Time) (bool, error) {
	for id, bearers := range marked {
		if passportOf(bearers[0]).Accepted.Before(ledger.Stored(opened)) {
			return true, nil
		}
		switch _, err := r.store.Find(r.closing, id); {
		case runwith.CodeOf(err) == runwith.NotFound:
			return true, nil
		case err != nil:
			return false, err
		}
	}
	return false, nil
}

// importAll adds a row for each invocation, and has twins cancelled.
func (r *rebuilder) importAll(marked map[string][]*runpb.Execution) error {
	now := ledger.Stored(time.Now())
	read := make([]ledger.Record, 0, len(marked))
	for id, bearers := range marked {
		slices.SortFunc(bearers, firstCreated)
		read = append(read, ledger.Rebuilt(bearer(id, bearers[0]), now, r.config.unsettled()))
	}
	for chunk := range slices.Chunk(read, 500) {
		added, err := r.store.Import(r.closing, chunk)
		if err != nil {
			return err
		}
		for _, a := range added {
			r.next.watch.add(a.Job)
		}
	}
	for id, bearers := range marked {
		if len(bearers) < 2 {
			continue
		}
		row, err := r.store.Find(r.closing, id)
		if err != nil {
			return fmt.Errorf("find an imported invocation: %w", err)
		}
		r.watching.claim(row, bearers)
	}
	return nil
}

// bearer is an execution as the ledger sees it.
func bearer(id string, e *runpb.Execution) ledger.Bearer {
	return ledger.Bearer{
		ID: id, Job: path.Base(e.GetJob()), Execution: e.GetName(), Created: e.GetCreateTime().AsTime(),
		Passport: passportOf(e), Status: cloudrun.StatusOf(e),
	}
}
