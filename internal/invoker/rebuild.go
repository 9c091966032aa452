package invoker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
	"github.com/runwith/runwith/internal/jobspec"
)

// Rebuild says when a store is filled from the markers of executions.
type Rebuild string

// When it is filled.
const (
	// RebuildAuto fills a store that is empty, and one that was restored.
	RebuildAuto Rebuild = "auto"
	// RebuildAlways fills it at each start.
	RebuildAlways Rebuild = "always"
	// RebuildNever leaves it as it is.
	RebuildNever Rebuild = "never"
)

// RestoredSuffix ends the name of a file beside the database which says that it was
// restored from a backup: the world has gone on since then.
const RestoredSuffix = ".restored"

// rebuilding is what is to be rebuilt.
type rebuilding struct {
	wanted   bool
	restored bool
	opened   time.Time
}

func (v *Invoker) newRebuilding(ctx context.Context) (rebuilding, error) {
	r := rebuilding{opened: time.Now()}
	_, err := os.Stat(v.config.Path + RestoredSuffix)
	r.restored = err == nil
	empty, err := v.store.Empty(ctx)
	switch v.config.Rebuild {
	case RebuildAuto:
		r.wanted = empty || r.restored
	case RebuildAlways:
		r.wanted = true
	}
	return r, err
}

// rebuild reads back what the store has lost, until that is done or the invoker
// closes. Where there is anything, its last calls may be a moment old: those are
// waited for.
func (v *Invoker) rebuild(r rebuilding) {
	if r.wanted {
		found, done := v.readBack(r.opened)
		if done && (found || r.restored) {
			all := r.opened.Add(v.config.CallTimeout + v.config.Settle)
			v.knows.Store(micros(all))
			v.sleep(nil, all)
			_, done = v.readBack(r.opened)
		}
		if !done {
			return
		}
	}
	if r.restored {
		if err := os.Remove(v.config.Path + RestoredSuffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			v.logger.Error("the mark of a restored store cannot be removed", "error", err)
		}
	}
	close(v.rebuilt)
}

// Rebuilt is closed when every key is known that was used before. Until then, what
// has a key is told UNAVAILABLE.
func (v *Invoker) Rebuilt() <-chan struct{} { return v.rebuilt }

// readBack imports what a list shows, and goes on trying until one could be read.
// It reports whether any execution is of an invocation from before this process, and
// whether it came to its end.
func (v *Invoker) readBack(opened time.Time) (found, done bool) {
	for n := 0; v.closing.Err() == nil; n++ {
		marked, err := v.listMarked()
		if err == nil {
			found, err = v.foreign(marked, opened)
		}
		if err == nil {
			err = v.importAll(marked)
		}
		if err == nil {
			return found, true
		}
		v.logger.Warn("the store cannot be rebuilt yet", "code", runwith.CodeOf(err), "error", err)
		v.sleep(nil, time.Now().Add(min(backoff(n)/10, retryMax)))
	}
	return false, false
}

// listMarked returns all executions that carry a marker, by invocation.
func (v *Invoker) listMarked() (map[string][]*runpb.Execution, error) {
	marked := map[string][]*runpb.Execution{}
	p := &poller{job: jobspec.Wildcard}
	for token := ""; ; {
		page, next, err := v.page(p, token)
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

// foreign reports whether any execution is of an invocation that was not accepted
// here since the store was opened. What has no key is, also while keys are read back.
func (v *Invoker) foreign(marked map[string][]*runpb.Execution, opened time.Time) (bool, error) {
	for id, bearers := range marked {
		if passportOf(bearers[0]).Accepted.Before(stored(opened)) {
			return true, nil
		}
		switch _, err := v.store.Find(v.closing, id); {
		case runwith.CodeOf(err) == runwith.NotFound:
			return true, nil
		case err != nil:
			return false, err
		}
	}
	return false, nil
}

// importAll makes rows of executions, and has twins cancelled.
func (v *Invoker) importAll(marked map[string][]*runpb.Execution) error {
	now := stored(time.Now())
	read := make([]Record, 0, len(marked))
	for _, bearers := range marked {
		slices.SortFunc(bearers, firstCreated)
		read = append(read, v.readRecord(bearers[0], now))
	}
	for chunk := range slices.Chunk(read, 500) {
		added, err := v.store.Import(v.closing, chunk)
		if err != nil {
			return err
		}
		for _, r := range added {
			v.watched.add(r.Job)
		}
	}
	for id, bearers := range marked {
		if len(bearers) < 2 {
			continue
		}
		r, err := v.store.Find(v.closing, id)
		if err != nil {
			return fmt.Errorf("find what was imported: %w", err)
		}
		v.claim(r, bearers)
	}
	return nil
}

// readRecord is the row that an execution's markers tell of.
func (v *Invoker) readRecord(e *runpb.Execution, now time.Time) Record {
	id, _ := bornBy(e)
	p := passportOf(e)
	r := Record{
		Invocation: runwith.Invocation{ID: id, Job: path.Base(e.GetJob()), Created: stored(p.Accepted), Attempts: 1},
		Version:    1, Checked: true,
		Owner: p.Owner, Key: p.Key, Fingerprint: p.Request, Slot: p.Slot,
	}
	if p.Accepted.IsZero() {
		r.Created = stored(e.GetCreateTime().AsTime())
	}
	status := cloudrun.StatusOf(e)
	r = r.adopted(e.GetName(), status).observed(status, now)
	if r.Created.Add(watchTwins).After(now) { // it may be one of two
		r.WatchUntil = now.Add(v.config.CallTimeout + v.config.Settle + watchTwins)
	}
	return r
}
