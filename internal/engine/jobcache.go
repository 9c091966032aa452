package engine

import (
	"sync"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/sqlite"
)

// maxCachedJobs bounds how many jobs are kept in memory.
const maxCachedJobs = 100

// jobCache has the jobs that were read since anything was written last: callers poll
// them. A job tells of its executions, so that whatever is written empties it. The
// zero value is empty. Its methods may be called concurrently.
type jobCache struct {
	mu      sync.Mutex
	version uint64 // of the database
	jobs    map[string]*runpb.Job
}

// read returns the job of a resource name, which is not changed by anyone, from the
// cache or by f.
func (c *jobCache) read(db *sqlite.DB, name string, f func() (*runpb.Job, error)) (*runpb.Job, error) {
	version, ok := db.Version() // before the read, which finds nothing older
	if !ok {
		return f()
	}
	if job := c.at(version, name); job != nil {
		return job, nil
	}
	job, err := f()
	if err == nil {
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
