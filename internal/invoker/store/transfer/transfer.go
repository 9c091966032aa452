// Package transfer moves an installation from an SQLite file into a PostgreSQL database: all tables,
// all or nothing, and compared afterwards.
package transfer

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"strings"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/store/postgres"
	"github.com/runwith/runwith/internal/invoker/store/sqlite"
)

// Options are a source and its target.
type Options struct {
	// From is the SQLite file. No process has it open.
	From string
	// To is the URL of the database. It has no rows of runwith, and may lack the tables.
	To string
	// Progress hears of rows, if it is not nil. It is called by one goroutine.
	Progress func(Progress)
}

// Step is a part of the work.
type Step string

// The steps.
const (
	Copying   Step = "copied"
	Comparing Step = "compared"
	Building  Step = "built"
)

// Progress is how far a step is: how many rows of a table are done, or how many indexes.
type Progress struct {
	What        string // the table, or indexes
	Step        Step
	Done, Total int64
}

// Table is a table that was moved.
type Table struct {
	Name string
	Rows int64
	// Hash is a hash of all rows, in whatever order. Both stores have read the same.
	Hash string
	// Altered counts the texts with zero bytes or bytes that are not UTF-8. PostgreSQL does not take
	// them, so each of these bytes became U+FFFD.
	Altered int64
}

// progressEvery is the number of rows between two calls of Progress.
const progressEvery = 1000

// Move copies an installation in one transaction, reads all rows back, and marks the file so that no
// server opens it again. After an error the database is empty and the file has no mark. The error is
// UNKNOWN if the connection was lost during the commit: then the database may have everything.
func Move(ctx context.Context, o Options) (moved []Table, err error) {
	from, err := sqlite.OpenToMove(ctx, o.From, postgres.Redacted(o.To))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	if origin, err := from.Origin(ctx); err != nil || origin.Restored {
		return nil, cmp.Or(err, restored(o.From))
	}
	marked := false
	err = from.ReadRaw(ctx, func(raw sqlite.Raw) error {
		return postgres.Fill(ctx, postgres.Options{URL: o.To}, postgres.Filler{
			Tables: func(to *postgres.Filling) (err error) {
				moved, err = move{raw, to, o.Progress}.all()
				return err
			},
			Indexes: func(built, all int) { told(o.Progress, Progress{"indexes", Building, int64(built), int64(all)}) },
			Last: func() error {
				marked = true
				return from.Moved(postgres.Redacted(o.To))
			},
		})
	})
	switch {
	case err == nil:
		return moved, nil
	case postgres.Unknown(err):
		return nil, &runwith.Error{Code: runwith.Unknown, Err: err,
			Message: "the connection was lost during the commit: run the command again. If it says that the database is not empty, the copy is complete"}
	case marked:
		err = errors.Join(err, from.NotMoved())
	}
	return nil, err
}

func restored(path string) error {
	return runwith.Errorf(runwith.FailedPrecondition, "%s is a copy from a backup that no server has used yet: "+
		"run runwith serve on it until /readyz answers 200, so that it reads back from Cloud Run what happened since", path)
}

// move is one copy under way.
type move struct {
	from sqlite.Raw
	to   *postgres.Filling
	tell func(Progress)
}

// all copies and compares all tables.
func (m move) all() (moved []Table, err error) {
	for _, table := range m.to.Tables() {
		t, err := m.table(table)
		if err != nil {
			return nil, err
		}
		moved = append(moved, t)
	}
	return moved, nil
}

// table copies one table, and compares what both stores read.
func (m move) table(table postgres.FilledTable) (t Table, err error) {
	t.Name = table.Name
	columns, err := m.columns(table)
	if err != nil {
		return t, err
	}
	if t.Rows, err = m.from.Count(table.Name); err != nil {
		return t, err
	}
	var sent, kept digest
	read := legible(m.from.Rows(table.Name, columns), &t.Altered)
	if err := m.to.Copy(table, m.counted(read, &sent, Progress{table.Name, Copying, 0, t.Rows})); err != nil {
		return t, err
	}
	for _, err := range m.counted(m.to.Rows(table), &kept, Progress{table.Name, Comparing, 0, t.Rows}) {
		if err != nil {
			return t, err
		}
	}
	if sent != kept || sent.rows != t.Rows {
		return t, runwith.Errorf(runwith.DataLoss, "table %s: the file has %d rows with hash %s, and the database %d with hash %s: "+
			"nothing was moved. Please report this", table.Name, sent.rows, sent, kept.rows, kept)
	}
	t.Hash = sent.String()
	return t, nil
}

// renamed are the columns that have another name in the file.
func renamed() map[string]string { return map[string]string{"error_detail": "error_tasks"} }

// columns returns the names in the file of a table's columns. Both stores must have the same ones.
func (m move) columns(table postgres.FilledTable) ([]string, error) {
	have, err := m.from.Columns(table.Name)
	if err != nil {
		return nil, err
	}
	columns := slices.Clone(table.Columns)
	for i, name := range columns {
		if other, is := renamed()[name]; is {
			columns[i] = other
		}
	}
	if !slices.Equal(slices.Sorted(slices.Values(have)), slices.Sorted(slices.Values(columns))) {
		return nil, runwith.Errorf(runwith.Internal, "table %s has the columns %s in the file and %s in the database",
			table.Name, strings.Join(have, ", "), strings.Join(columns, ", "))
	}
	return columns, nil
}

// counted passes rows on, and adds them to a digest.
func (m move) counted(rows iter.Seq2[[]any, error], d *digest, p Progress) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		var buffer []byte
		for row, err := range rows {
			if err == nil {
				buffer = d.add(buffer, row)
			}
			if !yield(row, err) {
				return
			}
			if d.rows%progressEvery == 0 {
				p.Done = d.rows
				told(m.tell, p)
			}
		}
		p.Done = d.rows
		told(m.tell, p)
	}
}

func told(tell func(Progress), p Progress) {
	if tell != nil {
		tell(p)
	}
}

// legible replaces in texts what PostgreSQL does not take, and counts those texts.
func legible(rows iter.Seq2[[]any, error], altered *int64) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		for row, err := range rows {
			for i, v := range row {
				if text, is := v.(string); is {
					if clean := postgres.Legible(text); clean != text {
						row[i] = clean
						*altered++
					}
				}
			}
			if !yield(row, err) {
				return
			}
		}
	}
}
