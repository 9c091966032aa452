package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"time"

	"github.com/runwith/runwith/internal/invoker/callback"
	"github.com/runwith/runwith/internal/invoker/store/sqlite"
	rawsqlite "github.com/runwith/runwith/internal/sqlite"
)

const (
	// deliveryTarget is the smallest rate of deliveries to a fast receiver.
	deliveryTarget = 2000
	// hangTarget bounds what an endpoint that hangs costs another one.
	hangTarget = 1.25
	// deliverers is the number of concurrent attempts to one endpoint, and of clients of the
	// floor.
	deliverers = 32
)

// eventBody is about as large as an event.
const eventBody = `{"type":"invocation.succeeded","timestamp":"2026-11-28T10:00:05.123456Z","data":{"id":"01a222cb-46b1-7cf8-af4c-13d707cd1944",` +
	`"job":"test-job","state":"succeeded","version":4,"execution":"projects/demo/locations/us-east4/jobs/test-job/executions/test-job-98hur",` +
	`"counts":{"tasks":1,"running":0,"succeeded":1,"failed":0,"cancelled":0,"retried":0},"labels":{"tenant":"acme"},` +
	`"created":"2026-11-28T10:00:00.977901Z","started":"2026-11-28T10:00:01.995305Z","finished":"2026-11-28T10:00:05.028479Z",` +
	`"updateTime":"2026-11-28T10:00:05.123456Z","logs":"/api/v1/invocations/01a222cb-46b1-7cf8-af4c-13d707cd1944/logs"}}`

// measureCallbacks measures deliveries from the store to a fast receiver, alone and while
// another endpoint hangs.
func measureCallbacks(ctx context.Context, b *bench) ([]row, error) {
	fast := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer fast.Close()
	stop := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stop }))
	defer hanging.Close()
	defer close(stop)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: deliverers}}
	defer client.CloseIdleConnections()
	post := rate(deliverers, b.deliveries, func(ctx context.Context, _ int) error { return postEvent(ctx, client, fast.URL) })
	turn := 0
	deliver := func(alsoHanging int) probe {
		return func(ctx context.Context) (float64, error) {
			turn++
			return b.deliver(ctx, filepath.Join(b.dir, fmt.Sprintf("callbacks-%d", turn)), [2]string{fast.URL, hanging.URL}, alsoHanging)
		}
	}
	rates, err := interleave(ctx, plan{3, 1}, post, deliver(0), deliver(b.deliveries))
	if err != nil {
		return nil, err
	}
	what := fmt.Sprintf("%d deliveries to a fast receiver", b.deliveries)
	return []row{
		newRow(what, perSecond, rates[1]).beside(fmt.Sprintf("bare POSTs, %d at once", deliverers), rates[0]).within(deliveryTarget),
		newRow("the same while another endpoint hangs", perSecond, rates[2]).beside("without the other endpoint", rates[1]).times(hangTarget),
	}, nil
}

// postEvent is one delivery without a signature, a store and a check of the address.
func postEvent(ctx context.Context, client *http.Client, url string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader([]byte(eventBody)))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := client.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

// deliver returns the rate of deliveries to the first URL. They are in the store before the
// sender opens, with so many to the second URL.
func (b *bench) deliver(ctx context.Context, dir string, urls [2]string, hanging int) (_ float64, err error) {
	store, err := sqlite.Open(ctx, filepath.Join(dir, "invoker.db"))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	for endpoint, n := range map[string]int{"fast": b.deliveries, "hangs": hanging} {
		if err := addDeliveries(ctx, store.DB(), endpoint, n); err != nil {
			return 0, err
		}
	}
	endpoints, err := benchEndpoints(urls)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	sender, err := callback.Open(ctx, callback.Config{Store: store, Endpoints: endpoints, Version: "bench"})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, sender.Close()) }()
	for {
		left, err := pendingDeliveries(ctx, store.DB(), "fast")
		if err != nil {
			return 0, err
		}
		if left == 0 {
			return float64(b.deliveries) / time.Since(began).Seconds(), nil
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return 0, err
		}
	}
}

func benchEndpoints(urls [2]string) (*callback.Endpoints, error) {
	secret, err := callback.ParseSecret(callback.NewSecret())
	if err != nil {
		return nil, err
	}
	allowed, err := callback.ParseAllowed([]string{"127.0.0.1"})
	if err != nil {
		return nil, err
	}
	return callback.New(callback.Rules{Allowed: allowed, Endpoints: []callback.Endpoint{
		{Name: "fast", URL: urls[0], Secrets: []callback.Secret{secret}},
		{Name: "hangs", URL: urls[1], Secrets: []callback.Secret{secret}},
	}})
}

func addDeliveries(ctx context.Context, db *rawsqlite.DB, endpoint string, n int) error {
	return db.Write(ctx, func(tx *rawsqlite.Tx) error {
		_, err := tx.Exec(`INSERT INTO deliveries (id, invocation, job, principal, endpoint, url, lane, event, payload, state, attempts,
				created, next_attempt, lease, due, ended, last_status, last_error)
			WITH RECURSIVE n (i) AS (SELECT 1 WHERE ?1 > 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
			SELECT printf('evt_%s%d', ?2, i), printf('00000000-0000-7000-8000-%012d', i), 'test-job', '', ?2, '', ?2, 'invocation.succeeded',
				CAST(?3 AS BLOB), 'pending', 0, 0, 0, 0, 0, 0, 0, '' FROM n`, n, endpoint, eventBody)
		return err
	})
}

func pendingDeliveries(ctx context.Context, db *rawsqlite.DB, endpoint string) (left int, err error) {
	err = db.Read(ctx, func(tx *rawsqlite.Tx) error {
		return tx.QueryRow(`SELECT count(*) FROM deliveries WHERE lane = ? AND state = 'pending'`, endpoint).Scan(&left)
	})
	return left, err
}
