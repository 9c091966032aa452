package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/api/iterator"

	"github.com/runwith/runwith/internal/sqlite"
)

const (
	// listJobs jobs have fewExecutions in one folder and more in another, in total.
	listJobs      = 100
	fewExecutions = 1_000
	pageSize      = 100
	// listTarget bounds a page among many executions, as a multiple of one among few.
	listTarget = 3
)

// measureList measures a page of executions among many. The floor is runwith itself, with
// few executions.
func measureList(ctx context.Context, b *bench) (_ []row, err error) {
	few, err := b.openFilled(ctx, past{shown: fewExecutions})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, few.close()) }()
	many, err := b.openFilled(ctx, past{shown: b.past})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, many.close()) }()
	hidden, err := b.openFilled(ctx, past{shown: fewExecutions, hidden: b.past})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, hidden.close()) }()
	var rows []row
	for _, m := range []struct {
		what string
		skip int // number of pages before it
		of   *filled
		past string
	}{
		{"the first page", 0, many, fmt.Sprintf("among %d", b.past)},
		{"the fifth page", 4, many, fmt.Sprintf("among %d", b.past)},
		{"the last page", fewExecutions/pageSize - 1, hidden, fmt.Sprintf("with %d hidden", b.past)},
	} {
		amongFew, err := few.page(ctx, m.skip)
		if err != nil {
			return nil, err
		}
		measured, err := m.of.page(ctx, m.skip)
		if err != nil {
			return nil, err
		}
		times, err := interleave(ctx, plan{b.n, streak}, amongFew, measured)
		if err != nil {
			return nil, err
		}
		what := fmt.Sprintf("%s of %d executions of jobs/-, %s", m.what, pageSize, m.past)
		rows = append(rows, newRow(what, seconds, times[1]).beside(fmt.Sprintf("the same among %d", fewExecutions), times[0]).times(listTarget))
	}
	return rows, nil
}

// past are the past executions of a server, in total.
type past struct{ shown, hidden int }

// filled is a server with past executions.
type filled struct {
	server *server
	client *cloudRun
}

// openFilled starts a server with listJobs jobs and past executions. Each job really runs
// once. The other executions are copies in its database.
func (b *bench) openFilled(ctx context.Context, p past) (_ *filled, err error) {
	data := filepath.Join(b.dir, fmt.Sprintf("list-%d-%d", p.shown, p.hidden))
	f := &filled{}
	if err := f.open(ctx, b, data); err != nil {
		return nil, err
	}
	for i := range listJobs {
		id := fmt.Sprintf("list-%d", i)
		if err = f.client.createJob(ctx, id, 1, 0); err == nil {
			err = f.client.run(ctx, id)
		}
		if err != nil {
			return nil, errors.Join(err, f.close())
		}
	}
	if err := f.close(); err != nil {
		return nil, err
	}
	if err := multiply(ctx, filepath.Join(data, "engine.db"), p); err != nil {
		return nil, fmt.Errorf("copy executions: %w", err)
	}
	return f, f.open(ctx, b, data)
}

func (f *filled) open(ctx context.Context, b *bench, data string) (err error) {
	if f.server, err = b.startUp(ctx, data); err != nil {
		return err
	}
	if f.client, err = dial(ctx, f.server.addr); err != nil {
		return errors.Join(err, f.server.stop())
	}
	return nil
}

func (f *filled) close() error { return errors.Join(f.client.close(), f.server.stop()) }

// multiply copies each execution in an engine's database, with tasks. The oldest are hidden,
// as the engine hides those that it does not keep.
func multiply(ctx context.Context, path string, p past) error {
	db, err := sqlite.Open(ctx, sqlite.Options{Path: path})
	if err != nil {
		return err
	}
	times := (p.shown + p.hidden) / listJobs
	statements := []struct {
		text string
		args []any
	}{
		{`INSERT INTO executions (job, name, state, created, updated, started, completed, tasks, succeeded, message)
			WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?)
			SELECT job, name || i, state, created, updated, started, completed, tasks, succeeded, message
			FROM n, executions ORDER BY i`, []any{times}},
		{`UPDATE executions SET deleted = completed, output = 0 WHERE id <= ?`, []any{p.hidden}},
		{`INSERT INTO tasks (execution, task, state, started, completed)
			SELECT id, 0, state, started, completed FROM executions WHERE deleted IS NULL AND id NOT IN (SELECT execution FROM tasks)`, nil},
		{`UPDATE jobs SET executions = ? WHERE executions > 0`, []any{p.shown / listJobs}},
	}
	err = db.Write(ctx, func(tx *sqlite.Tx) error {
		for _, s := range statements {
			if _, err := tx.Exec(s.text, s.args...); err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(err, db.Close())
}

// page reads one page of the executions of all jobs, after some pages.
func (f *filled) page(ctx context.Context, skip int) (probe, error) {
	pages := f.client.executions.ListExecutions(ctx, &runpb.ListExecutionsRequest{Parent: location + "/jobs/-"})
	token := ""
	for range skip {
		var (
			before []*runpb.Execution
			err    error
		)
		if token, err = iterator.NewPager(pages, pageSize, token).NextPage(&before); err != nil {
			return nil, fmt.Errorf("list executions: %w", err)
		}
	}
	return timed(func(ctx context.Context) error {
		var page []*runpb.Execution
		pages := f.client.executions.ListExecutions(ctx, &runpb.ListExecutionsRequest{Parent: location + "/jobs/-"})
		_, err := iterator.NewPager(pages, pageSize, token).NextPage(&page)
		if err == nil && len(page) != pageSize {
			err = fmt.Errorf("list executions: the page has %d, want %d", len(page), pageSize)
		}
		return err
	}), nil
}
