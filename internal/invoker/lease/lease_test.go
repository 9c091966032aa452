package lease_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/runwith/runwith/internal/invoker/lease"
)

// table has the leases of several processes.
type table struct {
	mu    sync.Mutex
	rows  map[string]row
	asked int
}

type row struct {
	holder *process
	until  time.Time
	epoch  int64
}

// process is one process's access to the table. It is also a store that this process has alone.
type process struct {
	*table

	alone bool
	away  error // of the store
}

func (p *process) Alone() bool    { return p.alone }
func (p *process) Now() time.Time { return time.Now() }

func (p *process) Hold(_ context.Context, name string, period time.Duration) (int64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	l := p.rows[name]
	switch {
	case p.away != nil:
		return 0, p.away
	case l.holder != p && l.until.After(time.Now()):
		return 0, nil
	case l.holder != p:
		l.epoch++
	}
	l.holder, l.until = p, time.Now().Add(period)
	p.rows[name] = l
	return l.epoch, nil
}

func (p *process) Release(_ context.Context, name string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l := p.rows[name]; l.holder == p {
		l.until = time.Time{}
		p.rows[name] = l
	}
	return p.away
}

// begin begins to keep leases for a process. end ends that, as a crash does if the store is away.
func begin(t *testing.T, p *process) (_ *lease.Keeper, end func()) {
	t.Helper()
	k := lease.New(p, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		k.Run(ctx)
	}()
	end = func() { cancel(); <-ended }
	t.Cleanup(end)
	return k, end
}

func TestKeeper(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		end  func(a *lease.Keeper, p *process, end func())
		wait time.Duration // until the other process gets the lease
	}{
		"it is renewed":          {func(*lease.Keeper, *process, func()) {}, 0},
		"it is given back":       {func(a *lease.Keeper, _ *process, _ func()) { a.Release("x") }, lease.Again},
		"the holder closes":      {func(_ *lease.Keeper, _ *process, end func()) { end() }, lease.Again},
		"the holder has crashed": {func(_ *lease.Keeper, p *process, end func()) { p.set(errors.New("away")); end(); p.keep() }, lease.Period + lease.Again},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				rows := &table{rows: map[string]row{}}
				p := &process{table: rows}
				a, end := begin(t, p)
				b, _ := begin(t, &process{table: rows})
				if !a.Hold(t.Context(), "x") {
					t.Error("the first process does not get the lease")
				}
				if !b.Hold(t.Context(), "y") {
					t.Error("the second process does not get another lease")
				}
				for range 100 {
					time.Sleep(time.Second)
					if b.Hold(t.Context(), "x") {
						t.Fatal("both processes have the lease")
					}
				}
				test.end(a, p, end)
				began, got := time.Now(), false
				for !got && time.Since(began) < time.Minute {
					got = b.Hold(t.Context(), "x")
					time.Sleep(time.Second)
				}
				if got != (test.wait > 0) {
					t.Errorf("the second process gets the lease: %t, want %t", got, test.wait > 0)
				}
				if took := time.Since(began) - time.Second; got && took > test.wait {
					t.Errorf("it took %v, want at most %v", took, test.wait)
				}
			})
		})
	}
}

func (p *process) set(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away = err
}

// keep gives the leases back to a process that has crashed, as if it had not ended them.
func (p *process) keep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rows["x"] = row{holder: p, until: time.Now().Add(lease.Period), epoch: 1}
}

// TestStoreAway checks that a process does not believe in a lease that it could not renew.
func TestStoreAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &process{table: &table{rows: map[string]row{}}}
		k, _ := begin(t, p)
		if !k.Hold(t.Context(), "x") {
			t.Error("the process does not get the lease")
		}
		p.set(errors.New("away"))
		time.Sleep(lease.Period / 2)
		if !k.Hold(t.Context(), "x") {
			t.Error("the lease has ended too early")
		}
		time.Sleep(lease.Period)
		if k.Hold(t.Context(), "x") {
			t.Error("the lease has not ended")
		}
		p.set(nil)
		time.Sleep(lease.Again)
		if !k.Hold(t.Context(), "x") {
			t.Error("the process does not get the lease back")
		}
	})
}

func TestAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &process{table: &table{rows: map[string]row{}}, alone: true}
		k, _ := begin(t, p)
		if !k.Hold(t.Context(), "x") {
			t.Error("the process does not get the lease")
		}
		time.Sleep(time.Minute)
		if p.asked > 0 {
			t.Errorf("the store was asked %d times, want 0", p.asked)
		}
	})
}
