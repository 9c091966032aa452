package invoker

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

const (
	// tasksFresh is how long the tasks of a running execution are kept, so that many people who
	// look at one execution cost one read each second.
	tasksFresh = time.Second
	// maxCachedTasks bounds how many tasks are kept, of all executions together. A task has
	// about 200 bytes.
	maxCachedTasks = 100_000
)

// taskCache keeps the tasks of executions: for a moment, or, once they have all ended, until
// others need the room. Its methods may be called concurrently.
type taskCache struct {
	read func(ctx context.Context, r ledger.Record) ([]runwith.Task, error)

	mu      sync.Mutex
	entries []*taskEntry // the one that was asked for last is the last
}

// taskEntry is the tasks of one invocation. The fields below done are set when it is closed.
type taskEntry struct {
	id   string
	done chan struct{}

	at    time.Time // when the read began
	tasks []runwith.Task
	err   error
	final bool // the tasks never change
}

// of returns the tasks of a record's execution. The result is the caller's own. An error goes
// to the callers that waited for the same read, and is not kept.
func (c *taskCache) of(ctx context.Context, r ledger.Record) ([]runwith.Task, error) {
	e, own := c.entry(r.ID)
	if own {
		e.tasks, e.err = c.read(context.WithoutCancel(ctx), r)
		e.final = r.State.Terminal() && len(e.tasks) == r.Counts.Tasks &&
			!slices.ContainsFunc(e.tasks, func(t runwith.Task) bool { return !t.State.Ended() })
		close(e.done)
		c.trim(e)
	}
	select {
	case <-e.done:
		return slices.Clone(e.tasks), e.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// entry returns the entry to wait for. own means that the caller must read the tasks.
func (c *taskCache) entry(id string) (e *taskEntry, own bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.entries, func(e *taskEntry) bool { return e.id == id })
	if i >= 0 {
		e = c.entries[i]
		c.entries = slices.Delete(c.entries, i, i+1)
	}
	if own = e == nil || e.stale(); own {
		e = &taskEntry{id: id, done: make(chan struct{}), at: machineNow()}
	}
	c.entries = append(c.entries, e)
	return e, own
}

// stale reports whether the tasks must be read again.
func (e *taskEntry) stale() bool {
	select {
	case <-e.done:
		return e.err != nil || !e.final && elapsed(e.at) >= tasksFresh
	default:
		return false // the read is out
	}
}

// trim drops the oldest entries that have no room any more, and an entry that has failed.
func (c *taskCache) trim(read *taskEntry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	left := maxCachedTasks
	for i, e := range slices.Backward(c.entries) {
		select {
		case <-e.done:
		default:
			continue // the read is out
		}
		if left -= 1 + len(e.tasks); left < 0 || e == read && e.err != nil {
			c.entries = slices.Delete(c.entries, i, i+1)
		}
	}
}
