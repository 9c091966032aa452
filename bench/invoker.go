package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/runwith/runwith"
)

// measureInvoke measures the acceptance of invocations while the accepted ones run, as with
// every `runwith up`. All have ended before the next measurement begins.
func measureInvoke(ctx context.Context, b *bench) ([]row, error) {
	if _, err := b.open(ctx); err != nil {
		return nil, err
	}
	clients := b.clientsOr(32)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	defer client.CloseIdleConnections()
	bare := "http://" + b.floor.restAddr + invocationsPath
	real := "http://" + b.up.addr + invocationsPath
	var rows []row
	for _, n := range []int{1, clients} {
		post := func(url string) probe {
			return rate(n, 2*b.n, func(ctx context.Context, _ int) error { return invoke(ctx, client, url) })
		}
		rates, err := interleave(ctx, plan{min(rounds, b.n), 1}, post(bare), func(ctx context.Context) (float64, error) {
			perSecond, err := post(real)(ctx)
			return perSecond, errors.Join(err, drain(ctx, b.up.addr))
		})
		if err != nil {
			return nil, err
		}
		what := "invocations accepted, 1 client"
		if n > 1 {
			what = fmt.Sprintf("invocations accepted, %d clients", n)
		}
		rows = append(rows, newRow(what, perSecond, rates[1]).beside("net/http handler with one group commit", rates[0]))
	}
	return rows, nil
}

const invocationsPath = "/api/v1/jobs/" + jobID + "/invocations"

// invoke starts the job once and expects 202.
func invoke(ctx context.Context, client *http.Client, url string) error {
	return startRequest{url: url, body: `{"args":["one"]}`}.send(ctx, client)
}

// startRequest asks to start the job. The credential and the key may be empty.
type startRequest struct{ url, credential, key, body string }

// send sends the request and expects 202.
func (r startRequest) send(ctx context.Context, client *http.Client) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, strings.NewReader(r.body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	if r.credential != "" {
		request.Header.Set("Authorization", "Bearer "+r.credential)
	}
	if r.key != "" {
		request.Header.Set("Idempotency-Key", r.key)
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusAccepted {
		return fmt.Errorf("POST %s: %s\n%s", invocationsPath, response.Status, answer)
	}
	return nil
}

// drain waits until every invocation has ended.
func drain(ctx context.Context, addr string) error {
	return drainAs(ctx, &runwith.Client{Server: "http://" + addr})
}

// drainAs waits until every invocation that a client sees has ended.
func drainAs(ctx context.Context, client *runwith.Client) error {
	for _, state := range []runwith.State{runwith.StateAccepted, runwith.StateStarting, runwith.StateRunning} {
		for left := true; left; {
			left = false
			for _, err := range client.Invocations(ctx, &runwith.ListOptions{States: []runwith.State{state}, PageSize: 1}) {
				if err != nil {
					return fmt.Errorf("look for invocations that run: %w", err)
				}
				left = true
				break
			}
			if err := pause(ctx, 20*time.Millisecond); err != nil {
				return err
			}
		}
	}
	return nil
}
