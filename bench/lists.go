package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

const (
	// fewInvocations are those among which the floor's pages are read.
	fewInvocations = 1_000
	// listsTarget bounds a page among many invocations, as a multiple of one among few.
	listsTarget = 1.5
	// listedOnPage is the number of invocations of a full page.
	listedOnPage = 20
)

// measureLists measures pages of invocations by each filter, among many and among few, in both
// stores. The floor is runwith itself, with few invocations.
func measureLists(ctx context.Context, b *bench) (rows []row, err error) {
	few, err := b.openListed(ctx, fewInvocations)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, few.close()) }()
	many, err := b.openListed(ctx, b.invocations)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, many.close()) }()
	if rows, err = b.compareLists(ctx, "SQLite", few, many); err != nil {
		return nil, err
	}
	for _, l := range []*listed{few, many} {
		if err := l.move(ctx, b); err != nil {
			return nil, err
		}
	}
	if many.shared == nil {
		return rows, nil
	}
	inPostgres, err := b.compareLists(ctx, "PostgreSQL", few, many)
	return append(rows, inPostgres...), err
}

// compareLists measures each list in one store.
func (b *bench) compareLists(ctx context.Context, store string, few, many *listed) (rows []row, err error) {
	for _, list := range lists {
		for _, middle := range []bool{false, true} {
			if middle && list.rare {
				continue // the first page has all that it selects
			}
			what := fmt.Sprintf("%s: %s, among %d", store, list.page(middle), many.count)
			amongFew, err := few.read(ctx, list, middle)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", what, err)
			}
			amongMany, err := many.read(ctx, list, middle)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", what, err)
			}
			times, err := interleave(ctx, plan{(b.n + 3) / 4, min(b.n, streak/4)}, amongFew, amongMany)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", what, err)
			}
			rows = append(rows, newRow(what, seconds, times[1]).beside(fmt.Sprintf("the same among %d", few.count), times[0]).times(listsTarget))
		}
	}
	return rows, nil
}

// listed is a `runwith serve` with ended invocations.
type listed struct {
	*front
	data   string
	since  time.Time // when the first was accepted
	count  int
	shared *sharedStore // nil: the invocations are in SQLite
}

// openListed starts a server with so many invocations in SQLite. One of them has really run. The
// others are copies of it.
func (b *bench) openListed(ctx context.Context, count int) (_ *listed, err error) {
	l := &listed{data: filepath.Join(b.dir, fmt.Sprintf("lists-%d", count)), count: count}
	l.since = time.Now().UTC().Truncate(time.Hour).Add(-48 * time.Hour) // nothing removes them yet
	if l.front, err = newFront(ctx); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.close())
		}
	}()
	if err := l.serve(ctx, b, l.data); err != nil {
		return nil, err
	}
	if err := errors.Join(l.post(ctx), drain(ctx, l.server.addr), l.stop()); err != nil {
		return nil, err
	}
	fmt.Fprintf(b.progress, "copying an invocation %d times\n", count)
	if err := fillLists(ctx, filepath.Join(l.data, "invoker.db"), l.since, count); err != nil {
		return nil, fmt.Errorf("copy the invocation: %w", err)
	}
	return l, l.serve(ctx, b, l.data)
}

// move moves the invocations to a PostgreSQL, if there is one.
func (l *listed) move(ctx context.Context, b *bench) (err error) {
	if l.shared, err = openSharedStore(); err != nil {
		fmt.Fprintf(b.progress, "the lists of PostgreSQL are left out: %v\n", err)
		return nil
	}
	if err := l.stop(); err != nil {
		return err
	}
	fmt.Fprintf(b.progress, "copying %d invocations to PostgreSQL\n", l.count)
	address := l.shared.url.String()
	out, err := exec.CommandContext(ctx, b.binary, "store", "copy", "--from", "sqlite:"+l.data, "--to", address).CombinedOutput()
	if err != nil {
		return fmt.Errorf("copy to PostgreSQL: %w\n%s", err, out)
	}
	return l.serve(ctx, b, l.data, "--store", address)
}

func (l *listed) close() error {
	err := l.front.close()
	if l.shared != nil {
		err = errors.Join(err, l.shared.close())
	}
	return err
}

// read returns the probe that reads one page, after it has checked how many invocations the page has.
func (l *listed) read(ctx context.Context, list list, middle bool) (probe, error) {
	query := list.query()
	query.Set("pageSize", strconv.Itoa(listedOnPage))
	if middle {
		query.Set("pageToken", l.listedID(l.count/2))
	}
	if list.timed {
		query.Set("after", l.listedAt(l.count/4).Format(time.RFC3339))
		query.Set("before", l.listedAt(3*l.count/4).Format(time.RFC3339))
	}
	path := "/api/v1/invocations?" + query.Encode()
	expected := listedOnPage
	if list.rare {
		expected = rareInvocations
	}
	found, err := l.found(ctx, path)
	if err == nil && found != expected {
		err = fmt.Errorf("the page has %d invocations, want %d", found, expected)
	}
	return timed(l.get(path)), err
}

// found returns the number of invocations on a page.
func (l *listed) found(ctx context.Context, path string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+l.server.addr+path, nil)
	if err != nil {
		return 0, err
	}
	response, err := l.client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	var page struct{ Invocations []json.RawMessage }
	err = json.NewDecoder(response.Body).Decode(&page)
	return len(page.Invocations), err
}
