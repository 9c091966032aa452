package invoker

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/backoff"
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
	return &runwith.Error{Code: runwith.Unavailable, Err: askAgainIn(r.until(r.known)),
		Message: "the keys that were used before are being read back from Cloud Run: send the request again in a moment"}
}

// rebuildLease is the lease of the process that reads back.
const rebuildLease = "rebuild"

// run reads back what is missing, or waits until another process has done that. Afterwards all keys
// are known.
func (r *rebuilder) run(opened time.Time, origin store.Origin) {
	defer r.leases.Release(rebuildLease)
	for n := 0; ; n++ {
		var open bool
		if origin, open = r.turn(origin); !open {
			return
		}
		if !r.needed(origin) || r.rebuild(opened, origin) {
			break
		}
		r.leases.Release(rebuildLease) // another process may reach Cloud Run
		r.sleep(backoff.Jitter(ledger.Backoff(n)) / 10)
	}
	close(r.done)
	if origin.Empty || origin.Restored {
		r.mark()
	}
}

// needed reports whether a store must be read back.
func (r *rebuilder) needed(o store.Origin) bool {
	return r.config.Rebuild == RebuildAlways || r.config.Rebuild == RebuildAuto && (o.Empty || o.Restored)
}

// turn waits for the turn of this process, or until another one has read the store back. It
// returns the origin of the store as it is then, and whether the invoker is still open.
func (r *rebuilder) turn(o store.Origin) (_ store.Origin, open bool) {
	for held := false; !held && r.needed(o) && !r.store.Alone(); {
		if r.closing.Err() != nil {
			return o, false
		}
		held = r.leases.Hold(r.closing, rebuildLease)
		now, err := r.store.Origin(r.closing)
		if err != nil {
			r.storeFailed("look whether the store was read back", err)
			held = false
		} else {
			o = now
		}
		if !held && r.needed(o) {
			r.sleep(idleShared)
		}
	}
	return o, r.closing.Err() == nil
}

// rebuild reads back, and reports whether it could. If it finds anything, the last calls may be a
// moment old, so it waits until they must show, and reads again.
func (r *rebuilder) rebuild(opened time.Time, o store.Origin) (done bool) {
	found, done := r.readBack(opened)
	if done && (found || o.Restored) {
		_, done = r.readAgain(opened)
	}
	return done
}

// mark records that the store was read back. The other processes of a shared store wait for that,
// so it retries there.
func (r *rebuilder) mark() {
	for r.closing.Err() == nil {
		err := r.store.Rebuilt(r.closing)
		if err == nil {
			return
		}
		r.logger.Error("the store cannot record that it was read back", "error", err)
		if r.store.Alone() {
			return
		}
		r.sleep(storeRetry)
	}
}

func (r *rebuilder) readAgain(opened time.Time) (found, done bool) {
	known := opened.Add(r.config.unsettled())
	r.mu.Lock()
	r.known = known
	r.mu.Unlock()
	r.sleep(r.until(known))
	return r.readBack(opened)
}

// readBack imports what a list shows. It retries until one could be read, or the invoker
// closes; with a shared store, it tries once. found means that some execution belongs to an invocation from before this
// process.
func (r *rebuilder) readBack(opened time.Time) (found, done bool) {
	for n := 0; r.closing.Err() == nil; n++ {
		m, err := r.listMarked()
		if err == nil {
			found, err = r.foreign(m, opened)
		}
		if err == nil {
			err = r.importAll(m)
		}
		if err == nil {
			return found, true
		}
		r.logger.Warn("the store cannot be rebuilt yet", "code", runwith.CodeOf(err), "error", err)
		if !r.store.Alone() {
			break
		}
		r.sleep(backoff.Jitter(ledger.Backoff(n)) / 10)
	}
	return false, false
}

// listMarked returns all executions that carry a marker, in the invoker's own location and in
// those of the other targets.
func (r *rebuilder) listMarked() (marked, error) {
	m := marked{of: map[string][]*runpb.Execution{}, target: map[string]string{}}
	for _, jobs := range append([]string{jobspec.Wildcard}, r.elsewhere()...) {
		if err := r.listInto(&m, jobs); err != nil {
			return m, err
		}
	}
	return m, nil
}

// elsewhere returns the names that stand for all jobs of each location of a target that has a
// full resource name.
func (r *rebuilder) elsewhere() (all []string) {
	for _, target := range r.config.Targets() {
		if job, err := jobspec.ParseJob(target); err == nil {
			job.Job = jobspec.Wildcard
			all = append(all, job.String())
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// listInto adds the executions of all jobs of one location. It passes over those that it knows:
// the invoker's own location may also have a full name.
func (r *rebuilder) listInto(m *marked, jobs string) error {
	p := &poller{job: jobs}
	var pages cloudrun.Pages
	for token := ""; ; {
		page, next, err := r.watching.page(p, token)
		if err == nil {
			err = pages.Next(next)
		}
		if err != nil {
			return err
		}
		for _, e := range page {
			id, found := bornBy(e)
			if !found {
				continue
			}
			if err := m.add(id, e, jobs); err != nil {
				return err
			}
		}
		if token = next; token == "" {
			return nil
		}
	}
}

// foreign reports whether some execution belongs to an invocation that this process has
// not accepted. Invocations without a key are accepted also while keys are read back.
func (r *rebuilder) foreign(m marked, opened time.Time) (bool, error) {
	for id, bearers := range m.of {
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
func (r *rebuilder) importAll(m marked) error {
	now := ledger.Stored(r.now())
	read := make([]ledger.Record, 0, len(m.of))
	for id, bearers := range m.of {
		slices.SortFunc(bearers, firstCreated)
		rebuilt := ledger.Rebuilt(m.bearer(id, bearers[0]), now, r.config.unsettled())
		rebuilt.Worst = r.worst(rebuilt, bearers[0])
		rebuilt.Subscribers = r.config.Subscribers(rebuilt.Job, rebuilt.Labels)
		read = append(read, rebuilt)
	}
	for chunk := range slices.Chunk(read, 500) {
		added, err := r.store.Import(r.closing, chunk)
		if err != nil {
			return err
		}
		for _, a := range added {
			r.next.watch.add(a.Target)
		}
		r.next.price.ring()
	}
	for id, bearers := range m.of {
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
