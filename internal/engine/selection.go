package engine

import (
	"context"
	"fmt"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/jobspec"
)

// maxScan is the maximum number of rows that a page with a filter reads, so that a filter
// without a match takes no longer than another.
//
// Deviation: Cloud Run documents no such limit.
const maxScan = 10_000

// Selection asks for a page of a list. Beyond the list requests of v2, it can span all
// regions and has a filter.
type Selection[T any] struct {
	// Of is what the list is of. Any part but the project may be jobspec.Wildcard.
	Of jobspec.ExecutionName
	// Deleted includes deleted items that are still kept.
	Deleted bool
	// Keep selects items; nil selects all. Filter is its text: the page's token is only
	// valid with the same text.
	Keep   func(T) bool
	Filter string
	// Size and Token are page_size and page_token of v2.
	Size  int32
	Token string
}

// Page is a page of a list.
type Page[T any] struct {
	Items []T
	// Next is the token of the next page, empty at the end. With a filter, a page may have
	// few items or none, and still a next page.
	Next string
}

// SelectJobs returns a page of the jobs of a location, by name, or of all locations
// of a project.
func (e *Engine) SelectJobs(ctx context.Context, s Selection[*runpb.Job]) (Page[*runpb.Job], error) {
	var after jobKey
	return selectPage(s, listing[*jobRow, *runpb.Job]{
		name: "jobs",
		key:  []any{&after.region, &after.job, &after.id},
		rows: func(limit int) (rows []*jobRow, err error) {
			err = e.read(ctx, func(tx *storeTx) error {
				rows, err = tx.jobs(s.Of.Job.Location, s.Deleted, after, limit)
				return err
			})
			return rows, err
		},
		pass: func(r *jobRow) { after = r.key() },
		show: (*jobRow).proto,
	})
}

// SelectExecutions returns a page of executions, newest first. If the job and its region
// are given and there is no such job, the error is NOT_FOUND.
func (e *Engine) SelectExecutions(ctx context.Context, s Selection[*runpb.Execution]) (Page[*runpb.Execution], error) {
	before := newest
	if e.fault != nil {
		s.Keep = e.keepListed(s.Keep)
	}
	return selectPage(s, listing[*version, *runpb.Execution]{
		name: "executions",
		key:  []any{&before},
		rows: func(limit int) ([]*version, error) {
			return e.listExecutions(ctx, s.Of.Job, s.Deleted, listKey{before: before, limit: limit})
		},
		pass: func(v *version) { before = v.id },
		show: e.show,
	})
}

// listExecutions returns the executions of a page, from memory if the page is cached.
func (e *Engine) listExecutions(ctx context.Context, of jobspec.JobName, deleted bool, key listKey) ([]*version, error) {
	if deleted || of.Job == jobspec.Wildcard || of.Region == jobspec.Wildcard {
		_, page, err := e.readExecutions(ctx, of, deleted, key)
		return page, err
	}
	key.job = of.String()
	page, forgets, ok := e.lists.page(key)
	if ok {
		return page, nil
	}
	kept, page, err := e.readExecutions(ctx, of, deleted, key)
	if err == nil {
		e.lists.keep(key, kept, forgets)
	}
	return page, err
}

// readExecutions reads a page from the store. kept is the same page for the cache.
func (e *Engine) readExecutions(ctx context.Context, of jobspec.JobName, deleted bool, key listKey) (kept []listed, page []*version, err error) {
	var rows []*executionRow
	err = e.read(ctx, func(tx *storeTx) (err error) {
		rows, err = tx.executions(of, deleted, key.before, key.limit)
		return err
	})
	for _, row := range rows {
		v := e.current(row)
		page = append(page, v)
		kept = append(kept, listed{e.live.find(row.id), v})
	}
	return kept, page, err
}

// SelectTasks returns a page of tasks: by execution, newest first, and then by index.
func (e *Engine) SelectTasks(ctx context.Context, s Selection[*runpb.Task]) (Page[*runpb.Task], error) {
	after := firstTask
	return selectPage(s, listing[*taskRow, *runpb.Task]{
		name: "tasks",
		key:  []any{&after.execution, &after.task},
		rows: func(limit int) ([]*taskRow, error) { return e.listTasks(ctx, s, after, limit) },
		pass: func(r *taskRow) { after = taskKey{r.execution.id, r.task} },
		show: e.showTask,
	})
}

// listTasks returns the tasks of a page, from memory if the execution runs.
func (e *Engine) listTasks(ctx context.Context, s Selection[*runpb.Task], after taskKey, limit int) (rows []*taskRow, err error) {
	if a := e.live.named(s.Of.String()); a != nil && !s.Deleted {
		if rows, ok := a.tasksFrom(after.task+1, limit); ok {
			return rows, nil
		}
	}
	err = e.read(ctx, func(tx *storeTx) error {
		rows, err = tx.tasks(s.Of, s.Deleted, after, limit)
		return err
	})
	for i, row := range rows {
		rows[i] = e.currentTask(row)
	}
	return rows, err
}

// listing describes how to read the rows of a list.
type listing[R, T any] struct {
	name string
	key  []any // pointers to the position of the next rows
	rows func(limit int) ([]R, error)
	pass func(R) // moves the position behind a row
	show func(R) T
}

func selectPage[R, T any](s Selection[T], l listing[R, T]) (Page[T], error) {
	p, err := openPage(s.Size, s.Token, fmt.Sprintf("%s %v %v %q", l.name, s.Of, s.Deleted, s.Filter), l.key...)
	if err != nil {
		return Page[T]{}, err
	}
	items, more, err := l.read(p.size, s.Keep)
	res := Page[T]{Items: items}
	if more {
		res.Next = p.next(l.key...)
	}
	return res, err
}

// read returns the items of a page, and whether there may be more.
func (l listing[R, T]) read(size int, keep func(T) bool) (items []T, more bool, err error) {
	limit := size + 1
	if keep != nil {
		limit = maxPageSize
	}
	for seen := 0; ; {
		rows, err := l.rows(limit)
		if err != nil {
			return nil, false, err
		}
		for _, row := range rows {
			if len(items) == size || seen == maxScan {
				return items, true, nil
			}
			if item := l.show(row); keep == nil || keep(item) {
				items = append(items, item)
			}
			l.pass(row)
			seen++
		}
		if len(rows) < limit {
			return items, false, nil
		}
	}
}
