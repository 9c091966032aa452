package engine

import (
	"sync"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/sqlite"
)

// maxCachedJobs is the maximum number of jobs in a cache.
const maxCachedJobs = 100

// jobCache keeps the jobs that were read since the last write, because callers poll them.
// A job shows its executions, so every write empties the cache. The zero value is empty.
// Its methods may be called concurrently.
type jobCache struct {
	mu      sync.Mutex
	version uint64 // of the database
	jobs    map[string]*runpb.Job
}

// read returns the job with a resource name from the cache or from f. Nobody may change
// it.
func (c *jobCache) read(db *sqlite.DB, name string, f func() (*runpb.Job, error)) (*runpb.Job, error) {
	version, ok := db.Version() // before the read, so that the job is at least as new
	if !ok {
		return f()
	}
	if job := c.at(version, name); job != nil {
		return job, nil
	}
	job, err := f()
	if err == nil && !job.Reconciling { // which may end without a write
		c.keep(version, name, job)
	}
	return job, err
}

func (c *jobCache) at(version uint64, name string) *runpb.Job {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.version != version {
		return nil
	}
	return c.jobs[name]
}

func (c *jobCache) keep(version uint64, name string, job *runpb.Job) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if version < c.version {
		return
	}
	if version > c.version || len(c.jobs) == maxCachedJobs {
		clear(c.jobs)
	}
	if c.jobs == nil {
		c.jobs = map[string]*runpb.Job{}
	}
	c.version, c.jobs[name] = version, job
}
