package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/callback"
)

// ear is an endpoint that hears of every start and every end. It loses some of its answers.
type ear struct {
	server *httptest.Server
	secret string

	mu     sync.Mutex
	rand   *rand.Rand
	heard  map[string]map[runwith.EventType]string // ID of the event by type, by invocation
	times  int                                     // how often something was heard
	faults []string
}

func newEar(seed uint64) *ear {
	e := &ear{secret: callback.NewSecret(), rand: rand.New(rand.NewPCG(seed, 1)), heard: map[string]map[runwith.EventType]string{}}
	e.server = httptest.NewServer(e)
	return e
}

// ServeHTTP hears an event. One answer in twenty is lost, so the event comes again.
func (e *ear) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the sender was killed
	}
	event, err := runwith.VerifyCallback(r.Header, body, e.secret)
	e.mu.Lock()
	defer e.mu.Unlock()
	if err != nil {
		e.faults = append(e.faults, fmt.Sprintf("a callback was forged: %v", err))
		return
	}
	e.hear(event)
	if e.rand.IntN(20) == 0 {
		panic(http.ErrAbortHandler)
	}
}

func (e *ear) hear(event *runwith.Event) {
	e.times++
	events := e.heard[event.Data.ID]
	if events == nil {
		events = map[runwith.EventType]string{}
		e.heard[event.Data.ID] = events
	}
	if id, known := events[event.Type]; known && id != event.ID {
		e.faults = append(e.faults, fmt.Sprintf("%s of invocation %s has the IDs %s and %s", event.Type, event.Data.ID, id, event.ID))
	}
	events[event.Type] = event.ID
}

// missing returns how many of the invocations it has not heard to the end.
func (e *ear) missing(accepted map[string]string) (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for id := range accepted {
		if _, ended := e.heard[id][runwith.EventSucceeded]; !ended || len(e.heard[id]) < 2 {
			n++
		}
	}
	return n
}

// wait returns when every start and end was heard.
func (e *ear) wait(ctx context.Context, accepted map[string]string) error {
	for e.missing(accepted) > 0 {
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return errors.Join(fmt.Errorf("%d ends were not heard", e.missing(accepted)), err, context.Cause(ctx))
		}
	}
	return nil
}

// check returns the faults of the events: forged, missing or contradictory ones.
func (e *ear) check(accepted map[string]string) []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	faults := slices.Clone(e.faults)
	for id, events := range e.heard {
		if _, known := accepted[id]; !known {
			faults = append(faults, fmt.Sprintf("events of invocation %s were heard, and nobody was told of it", id))
		}
		for event := range events {
			if event != runwith.EventStarted && event != runwith.EventSucceeded {
				faults = append(faults, fmt.Sprintf("%s of invocation %s was heard, and it succeeded", event, id))
			}
		}
	}
	return faults
}

// port is where the ear listens.
func (e *ear) port() string {
	_, port, _ := net.SplitHostPort(e.server.Listener.Addr().String())
	return port
}
