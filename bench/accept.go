package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/sqlite"
)

const (
	// acceptTarget bounds concurrent acceptance, as a multiple of a handler that does one
	// group commit.
	acceptTarget = 2
	// arrivalTarget bounds the time until RunJob arrives, in commits.
	arrivalTarget = 5
	// pastTarget bounds a latency with many past invocations, as a multiple of one with few.
	pastTarget = 4.0 / 3
	// serveTarget bounds the memory of `runwith serve` at rest, in bytes.
	serveTarget = 40 << 20
)

// measureAccept measures the invoker alone: `runwith serve` in front of a Cloud Run that
// does nothing.
func measureAccept(ctx context.Context, b *bench) (_ []row, err error) {
	fresh, err := b.openFront(ctx, 0)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, fresh.close()) }()
	old, err := b.openFront(ctx, b.past)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, old.close()) }()
	if err := pause(ctx, b.rest); err != nil {
		return nil, err
	}
	memory, err := old.server.resident(ctx)
	if err != nil {
		return nil, err
	}
	rates, err := b.acceptRates(ctx, fresh)
	if err != nil {
		return nil, err
	}
	latencies, err := b.acceptLatencies(ctx, fresh, old)
	if err != nil {
		return nil, err
	}
	atRest := newRow(fmt.Sprintf("`serve` at rest, after %v, with %d past", b.rest, b.past), bytesHeld, []float64{memory})
	return append(append(rates, latencies...), atRest.within(serveTarget)), nil
}

// acceptRates measures the rate of acceptance with one client, and with many.
func (b *bench) acceptRates(ctx context.Context, f *front) ([]row, error) {
	var rows []row
	for _, n := range []int{1, b.clientsOr(32)} {
		client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: n}}
		post := func(addr string) probe {
			return rate(n, 10*b.n, func(ctx context.Context, _ int) error { return invoke(ctx, client, "http://"+addr+invocationsPath) })
		}
		rates, err := interleave(ctx, plan{min(rounds, b.n), 1}, post(b.floor.restAddr), func(ctx context.Context) (float64, error) {
			perSecond, err := post(f.server.addr)(ctx)
			return perSecond, errors.Join(err, drain(ctx, f.server.addr))
		})
		client.CloseIdleConnections()
		if err != nil {
			return nil, err
		}
		r := newRow(fmt.Sprintf("accepted by `serve`, %d clients", n), perSecond, rates[1]).beside("net/http handler with one group commit", rates[0])
		if n > 1 {
			r = r.times(acceptTarget)
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// acceptLatencies measures an idle invoker, and one with many past invocations.
func (b *bench) acceptLatencies(ctx context.Context, fresh, old *front) ([]row, error) {
	commit := timed(func(ctx context.Context) error {
		_, err := b.floor.insert(ctx)
		return err
	})
	times, err := interleave(ctx, plan{b.n, 1}, commit, fresh.arrive, old.arrive)
	if err != nil {
		return nil, err
	}
	none := fmt.Sprintf("the same with %d", pageSize)
	past := func(what string) string { return fmt.Sprintf("%s, with %d past", what, b.past) }
	const arrival = "POST until RunJob arrives, idle"
	rows := []row{
		newRow(arrival, seconds, times[1]).beside("one commit", times[0]).times(arrivalTarget),
		newRow(past(arrival), seconds, times[2]).beside(none, times[1]).times(pastTarget),
	}
	for _, call := range []struct {
		what string
		of   func(*front) probe
	}{
		{"POST until 202", func(f *front) probe { return timed(f.post) }},
		{"an invocation", func(f *front) probe { return timed(f.get("/api/v1/invocations/" + f.id)) }},
		{"the first page", func(f *front) probe { return timed(f.get("/api/v1/invocations?state=succeeded")) }},
		{"the job's first page", func(f *front) probe { return timed(f.get("/api/v1/invocations?job=" + jobID)) }},
	} {
		times, err := interleave(ctx, plan{b.n, streak}, call.of(fresh), call.of(old))
		if err != nil {
			return nil, err
		}
		rows = append(rows, newRow(past(call.what), seconds, times[1]).beside(none, times[0]).times(pastTarget))
		if err := errors.Join(drain(ctx, fresh.server.addr), drain(ctx, old.server.addr)); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// front is a `runwith serve` in front of a recorder.
type front struct {
	recorder *recorder
	server   *server
	client   *http.Client
	id       string // of an ended invocation
}

// openFront starts a front that has accepted at least a page of invocations. Above a page,
// the invocations are copies in its database. The caller closes it.
func (b *bench) openFront(ctx context.Context, past int) (_ *front, err error) {
	f, err := newFront(ctx)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.close())
		}
	}()
	data := filepath.Join(b.dir, fmt.Sprintf("front-%d", past))
	if err := f.serve(ctx, b, data); err != nil {
		return nil, err
	}
	for range pageSize { // so that both fronts return full pages
		if err := f.post(ctx); err != nil {
			return nil, err
		}
	}
	if err := drain(ctx, f.server.addr); err != nil {
		return nil, err
	}
	for i, err := range (&runwith.Client{Server: "http://" + f.server.addr}).Invocations(ctx, nil) {
		if err != nil {
			return nil, err
		}
		f.id = i.ID
		break
	}
	if past == 0 {
		return f, nil
	}
	if err := f.stop(); err != nil {
		return nil, err
	}
	if err := addPast(ctx, filepath.Join(data, "invoker.db"), f.id, past); err != nil {
		return nil, fmt.Errorf("copy invocations: %w", err)
	}
	return f, f.serve(ctx, b, data)
}

// newFront starts the recorder of a front without a server. The caller closes the front.
func newFront(ctx context.Context) (*front, error) {
	r, err := startRecorder(ctx)
	return &front{recorder: r, client: &http.Client{Transport: &http.Transport{}}}, err
}

func (f *front) serve(ctx context.Context, b *bench, data string, flags ...string) (err error) {
	command := append([]string{b.binary, "serve", "--allow-unauthenticated", "--addr", "127.0.0.1:0", "--data", data, "--endpoint", "http://" + f.recorder.addr}, flags...)
	f.server, err = start(ctx, b.progress, readyLine, command...)
	return err
}

// stop stops the server, if one runs.
func (f *front) stop() error {
	f.client.CloseIdleConnections()
	if f.server == nil {
		return nil
	}
	err := f.server.stop()
	f.server = nil
	return err
}

func (f *front) close() error { return errors.Join(f.stop(), f.recorder.close()) }

func (f *front) post(ctx context.Context) error {
	return invoke(ctx, f.client, "http://"+f.server.addr+invocationsPath)
}

// arrive measures the time from the request until RunJob arrives. The answer of the
// request may come later.
func (f *front) arrive(ctx context.Context) (float64, error) {
	began := time.Now()
	at, err := f.recorder.arrival(ctx, f.post)
	return at.Sub(began).Seconds(), err
}

func (f *front) get(path string) func(context.Context) error {
	return func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+f.server.addr+path, nil)
		if err != nil {
			return err
		}
		response, err := f.client.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		_, err = io.Copy(io.Discard, response.Body)
		if err == nil && response.StatusCode != http.StatusOK {
			err = fmt.Errorf("GET %s: %s", path, response.Status)
		}
		return err
	}
}

// addPast adds so many copies of an invocation to the database of an invoker.
func addPast(ctx context.Context, path, id string, times int) error {
	db, err := sqlite.Open(ctx, sqlite.Options{Path: path})
	if err != nil {
		return err
	}
	err = db.Write(ctx, func(tx *sqlite.Tx) error {
		var same string // the columns that are copied as they are
		err := tx.QueryRow(`SELECT group_concat(name) FROM pragma_table_info('invocations')
			WHERE name NOT IN ('id', 'execution', 'key')`).Scan(&same)
		if err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT INTO invocations (id, execution, `+same+`)
			WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < ?)
			SELECT printf('00000000-0000-7000-8000-%012d', i), execution || '-' || i, `+same+` FROM n, invocations WHERE id = ?`, times, id)
		return err
	})
	return errors.Join(err, db.Close())
}
