package engine

import (
	"slices"
	"sync"
)

// maxListedRows is the maximum number of cached rows.
const maxListedRows = 2000

// allJobs stands for every job in the place of a job's resource name.
const allJobs = "-"

// listCache caches pages of jobs' lists of executions, because pollers read the same page
// again and again. A page is valid until an execution of its job is created or deleted:
// executions that have ended do not change, and the others are in memory. The zero value
// is empty. Its methods may be called concurrently.
type listCache struct {
	mu       sync.Mutex
	forgets  uint64         // how often anything was forgotten
	changing map[string]int // transactions under way that change a job's list
	pages    map[listKey][]listed
	rows     int // in all pages
}

// listKey identifies a page.
type listKey struct {
	job    string // resource name
	before int64
	limit  int
}

// listed is an execution on a page. It is in memory, or had ended when it was read.
type listed struct {
	active *active // nil if it is not in memory
	ended  *version
}

func (l listed) version() *version {
	if l.active != nil {
		return l.active.version()
	}
	return l.ended
}

// page returns the current state of a cached page. If the page is not cached, it returns
// the number of forgets so far, which keep needs.
func (c *listCache) page(key listKey) (page []*version, forgets uint64, ok bool) {
	c.mu.Lock()
	rows, ok := c.pages[key]
	ok = ok && c.quiet(key.job)
	forgets = c.forgets
	c.mu.Unlock()
	if !ok {
		return nil, forgets, false
	}
	for _, row := range rows {
		page = append(page, row.version())
	}
	return page, forgets, true
}

// quiet reports whether no transaction is changing the list of a job.
func (c *listCache) quiet(job string) bool { return c.changing[job]+c.changing[allJobs] == 0 }

// keep caches a page that was read after page returned forgets.
func (c *listCache) keep(key listKey, rows []listed, forgets uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	moving := func(l listed) bool { // into memory or out of it, just now
		if l.active != nil {
			return l.active.version() == nil
		}
		return !l.ended.state.terminal()
	}
	if c.forgets != forgets || !c.quiet(key.job) || len(rows) > maxListedRows || slices.ContainsFunc(rows, moving) {
		return
	}
	if c.pages == nil || c.rows+len(rows) > maxListedRows {
		c.pages, c.rows = map[listKey][]listed{}, 0
	}
	c.pages[key] = rows
	c.rows += len(rows)
}

// forget drops the pages of a job, or of all jobs, because a transaction changes that
// list. Until the transaction ends, the database alone answers.
func (c *listCache) forget(tx *storeTx, job string) {
	c.drop(job, 1)
	tx.OnEnd(func(bool) { c.drop(job, -1) })
}

func (c *listCache) drop(job string, changing int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgets++
	if c.changing == nil {
		c.changing = map[string]int{}
	}
	if c.changing[job] += changing; c.changing[job] == 0 {
		delete(c.changing, job)
	}
	for key, rows := range c.pages {
		if job == allJobs || key.job == job {
			delete(c.pages, key)
			c.rows -= len(rows)
		}
	}
}
