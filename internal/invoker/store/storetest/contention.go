package storetest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

// contentions are the tests in which several processes want the same at once.
func contentions() map[string]func(*testing.T, Open) {
	suite := map[string]func(*testing.T, Open){}
	for name, test := range map[string]func(*testing.T, []store.Store){
		"move, at once":       contendMove,
		"keys, at once":       contendKeys,
		"take, at once":       contendTake,
		"slots, at once":      contendSlots,
		"rejected, at once":   contendReject,
		"tokens, at once":     contendTokens,
		"rates, at once":      contendRates,
		"checks, at once":     contendChecks,
		"deliveries, at once": contendDeliveries,
		"schedule, at once":   contendSchedule,
		"twins, at once":      contendTwins,
	} {
		suite[name] = func(t *testing.T, open Open) { test(t, []store.Store{open(t), open(t), open(t)}) }
	}
	return suite
}

// tally counts names, from several goroutines.
type tally struct {
	mu     sync.Mutex
	counts map[string]int
}

func (c *tally) add(names ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = map[string]int{}
	}
	for _, name := range names {
		c.counts[name]++
	}
}

// wantOnce requires that n names were counted, each once.
func (c *tally) wantOnce(t *testing.T, what string, n int) {
	t.Helper()
	if len(c.counts) != n {
		t.Errorf("%s: %d, want %d: %v", what, len(c.counts), n, slices.Sorted(maps.Keys(c.counts)))
	}
	for name, times := range c.counts {
		if times != 1 {
			t.Errorf("%s: %s %d times, want once", what, name, times)
		}
	}
}

func contendMove(t *testing.T, stores []store.Store) {
	var won tally
	for round := range 10 {
		r := put(t, stores[0], Waiting(round))
		atOnce(9, stores, func(s store.Store, n int) {
			next := r
			next.Postponed = n + 1
			moved, err := s.Move(t.Context(), ledger.Move{From: r, To: next})
			switch {
			case err == nil && moved.Postponed == n+1:
				won.add(r.ID)
			case !errors.Is(err, store.ErrStale):
				t.Errorf("Move = %d, %v, want %d or %v", moved.Postponed, err, n+1, store.ErrStale)
			}
		})
	}
	won.wantOnce(t, "rows with a winner", 10)
}

// contendKeys sends ten keys ten times each, and each time as another invocation.
func contendKeys(t *testing.T, stores []store.Store) {
	var fresh, answers tally
	atOnce(100, stores, func(s store.Store, n int) {
		key := fmt.Sprint("key", n%10)
		accepted, err := s.Accept(t.Context(), keyed(n, key, "f"), ledger.Admission{Now: begin()})
		if err != nil {
			t.Errorf("Accept = %v", err)
			return
		}
		if !accepted.Replayed {
			fresh.add(key)
		}
		answers.add(accepted.Record.ID)
	})
	fresh.wantOnce(t, "keys that were new", 10)
	for id, n := range answers.counts {
		if n != 10 {
			t.Errorf("invocation %s was the answer to %d requests, want 10", id, n)
		}
	}
}

func contendTake(t *testing.T, stores []store.Store) {
	for n := range 60 {
		put(t, stores[0], Waiting(n))
	}
	var took tally
	takeAtOnce(t, stores, 7, &took)
	took.wantOnce(t, "taken", 60)
}

// takeAtOnce has each process take twice at once, until two rounds take nothing.
func takeAtOnce(t *testing.T, stores []store.Store, limit int, took *tally) {
	t.Helper()
	for idle := 0; idle < 2; idle++ {
		var mu sync.Mutex
		atOnce(2*len(stores), stores, func(s store.Store, _ int) {
			got, err := s.Take(t.Context(), take(begin(), limit))
			if err != nil {
				t.Errorf("Take = %v", err)
			}
			took.add(ids(got.Records)...)
			mu.Lock()
			defer mu.Unlock()
			if len(got.Records) > 0 {
				idle = -1
			}
		})
	}
}

// contendSlots queues for the slots of three keys. Each round ends what the round before started.
func contendSlots(t *testing.T, stores []store.Store) {
	const keys, limit, each = 3, 2, 20
	atOnce(keys*each, stores, func(s store.Store, n int) {
		r := keyedBy(n, fmt.Sprint("slot", n%keys), limit)
		if _, err := s.Accept(t.Context(), r, ledger.Admission{Now: begin(), Overflow: ledger.Queueing}); err != nil {
			t.Errorf("Accept = %v", err)
		}
	})
	for round := range each / limit {
		var took, bySlot tally
		takeAtOnce(t, stores, 5, &took)
		took.wantOnce(t, fmt.Sprintf("taken in round %d", round), keys*limit)
		for id := range took.counts {
			r := find(t, stores[0], id)
			bySlot.add(r.Slot)
			r, err := stores[0].Move(t.Context(), ledger.Move{From: r, To: r.Adopted("execution-of-"+id, ledger.Status{})})
			must(t, "Move", err)
			_, err = stores[0].Move(t.Context(), ledger.Move{From: r, To: r.Observed(ledger.Status{State: runwith.StateSucceeded}, begin())})
			must(t, "Move", err)
		}
		for slot, n := range bySlot.counts {
			if n != limit {
				t.Errorf("round %d: %d hold %s, want %d", round, n, slot, limit)
			}
		}
	}
}

func contendReject(t *testing.T, stores []store.Store) {
	const limit, rounds, each = 3, 10, 12
	for round := range rounds {
		var accepted tally
		atOnce(each, stores, func(s store.Store, n int) {
			r := keyedBy(round*each+n, fmt.Sprint("slot", round), limit)
			_, err := s.Accept(t.Context(), r, ledger.Admission{Now: begin(), Overflow: ledger.Rejecting})
			switch {
			case err == nil:
				accepted.add(r.ID)
			case runwith.CodeOf(err) != runwith.Aborted:
				t.Errorf("Accept = %v, want ABORTED if the slots are taken", err)
			}
		})
		accepted.wantOnce(t, fmt.Sprintf("accepted in round %d", round), limit)
	}
}

// contendTokens spends a bucket at one time, and then another one in several processes at once.
func contendTokens(t *testing.T, stores []store.Store) {
	const quota = 60
	spend := func(s store.Store, bucket string) bool {
		ok, _, err := s.Spend(t.Context(), bucket, quota, begin())
		if err != nil {
			t.Errorf("Spend = %v", err)
		}
		return ok
	}
	alone := 0
	for spend(stores[0], "alone") {
		alone++
	}
	var together tally
	atOnce(alone+12, stores, func(s store.Store, n int) {
		if spend(s, "together") {
			together.add(fmt.Sprint(n))
		}
	})
	together.wantOnce(t, "tokens that several processes got", alone)
}

func contendRates(t *testing.T, stores []store.Store) {
	accept := func(s store.Store, n int, bucket string) bool {
		_, err := s.Accept(t.Context(), Waiting(n), ledger.Admission{Now: begin(), Rates: []ledger.RateLimit{{Name: bucket, Quota: 60}}})
		if err != nil && runwith.CodeOf(err) != runwith.ResourceExhausted {
			t.Errorf("Accept = %v, want RESOURCE_EXHAUSTED without a token", err)
		}
		return err == nil
	}
	alone := 0
	for accept(stores[0], 500+alone, "alone") {
		alone++
	}
	var together tally
	atOnce(alone+12, stores, func(s store.Store, n int) {
		if accept(s, n, "together") {
			together.add(fmt.Sprint(n))
		}
	})
	together.wantOnce(t, "accepted by several processes", alone)
}

func contendChecks(t *testing.T, stores []store.Store) {
	for n := range 30 {
		r := Waiting(n)
		r.Checked = false
		put(t, stores[0], r)
	}
	var leased tally
	for range 5 { // a process passes over rows that another one has locked
		atOnce(9, stores, func(s store.Store, _ int) {
			got, _, err := s.Unchecked(t.Context(), begin(), time.Minute, 4)
			if err != nil {
				t.Errorf("Unchecked = %v", err)
			}
			leased.add(ids(got)...)
		})
	}
	leased.wantOnce(t, "leased for a check", 30)
}

func contendDeliveries(t *testing.T, stores []store.Store) {
	for n := range 20 {
		fail(t, stores[0], n, fmt.Sprint("lane", n%4), fmt.Sprintf("https://lane%d.example", n%4))
	}
	now := later()
	var leased, lanes tally
	for range 5 {
		atOnce(9, stores, func(s store.Store, _ int) {
			got, _, err := s.DueDeliveries(t.Context(), now, time.Minute, 2, 9)
			if err != nil {
				t.Errorf("DueDeliveries = %v", err)
			}
			for _, d := range got {
				leased.add(d.ID)
				lanes.add(d.Endpoint)
			}
		})
	}
	leased.wantOnce(t, "leased for an attempt", 8)
	for lane, n := range lanes.counts {
		if n != 2 {
			t.Errorf("%s has %d attempts at a time, want 2", lane, n)
		}
	}
}

func contendSchedule(t *testing.T, stores []store.Store) {
	var saved tally
	state := ledger.Schedule{Name: "nightly"}
	for round := range 5 {
		var mu sync.Mutex
		next := state
		atOnce(9, stores, func(s store.Store, _ int) {
			got, err := s.SaveSchedules(t.Context(), []ledger.Schedule{state})
			if err != nil {
				t.Errorf("SaveSchedules = %v", err)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, one := range got {
				saved.add(fmt.Sprint("round ", round))
				next = one
			}
		})
		state = next
	}
	saved.wantOnce(t, "rounds with a winner", 5)
}

func contendTwins(t *testing.T, stores []store.Store) {
	r := put(t, stores[0], Waiting(0))
	var added tally
	atOnce(9, stores, func(s store.Store, _ int) {
		isNew, err := s.AddTwin(t.Context(), store.Twin{Execution: "twin", Invocation: r.ID, Found: begin()})
		if err != nil {
			t.Errorf("AddTwin = %v", err)
		}
		if isNew {
			added.add("twin")
		}
	})
	added.wantOnce(t, "new twins", 1)
}
