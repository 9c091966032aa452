package invoker

import (
	"context"
	"sync"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/proto"

	"github.com/runwith/runwith"
)

const (
	// jobFresh is how long requests are validated against a job that was read. RunJob
	// has the last word in any case.
	jobFresh = 5 * time.Second
	// maxJobs bounds how many jobs are kept.
	maxJobs = 100
	// maxJob bounds a job that is kept, in bytes. A larger one is read for each request.
	maxJob = 4 << 20
)

// jobCache keeps jobs for a moment, so that a burst of requests costs one read.
// Its methods may be called concurrently.
type jobCache struct {
	read func(ctx context.Context, job string) (*runpb.Job, error)

	mu      sync.Mutex
	entries map[string]*jobEntry
}

// jobEntry is one job. The fields below done are set when it is closed.
type jobEntry struct {
	done chan struct{}
	at   time.Time // when the read began
	job  *runpb.Job
	err  error
}

// job returns a job as it was a moment ago. Callers must not change it. An error goes to
// the callers that waited for the same read, and is not kept.
func (c *jobCache) job(ctx context.Context, id string) (*runpb.Job, error) {
	e, own := c.entry(id)
	if own {
		e.job, e.err = c.read(context.WithoutCancel(ctx), id)
		if e.err != nil || proto.Size(e.job) > maxJob {
			c.drop(id, e)
		}
		close(e.done)
	}
	select {
	case <-e.done:
		return e.job, e.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// fresh reports whether job would return a job without waiting.
func (c *jobCache) fresh(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, found := c.entries[id]
	if !found || elapsed(e.at) >= jobFresh {
		return false
	}
	select {
	case <-e.done:
		return e.err == nil
	default:
		return false
	}
}

// entry returns the entry to wait for. own means that the caller must read the job.
func (c *jobCache) entry(id string) (e *jobEntry, own bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := machineNow()
	if e, found := c.entries[id]; found && now.Sub(e.at) < jobFresh {
		return e, false
	}
	if c.entries == nil || len(c.entries) >= maxJobs {
		c.entries = map[string]*jobEntry{}
	}
	e = &jobEntry{done: make(chan struct{}), at: now}
	c.entries[id] = e
	return e, true
}

func (c *jobCache) drop(id string, e *jobEntry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries[id] == e {
		delete(c.entries, id)
	}
}

// readJob reads a job from Cloud Run.
func (b *base) readJob(ctx context.Context, job string) (found *runpb.Job, err error) {
	err = b.read(ctx, &b.reads, urgent, func(ctx context.Context) (err error) {
		found, err = b.cloud.Job(ctx, job)
		return err
	})
	if found == nil && err == nil {
		err = runwith.Errorf(runwith.Internal, "Cloud Run's answer has no job %s", job)
	}
	return found, err
}
