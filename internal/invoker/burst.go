package invoker

import (
	"sync/atomic"
	"time"
)

const (
	// burstSize is how many requests make a burst while they are being put on disk together. It is
	// small, because replicas that share a store each see only a part of its burst.
	burstSize = 4
	// burstPatience bounds how long a burst delays the dispatcher, and burstLook is how
	// often the dispatcher looks whether the burst is over.
	burstPatience = time.Second
	burstLook     = 10 * time.Millisecond
)

// burst counts the requests that are being put on disk. The accepter enters and leaves,
// and the dispatcher gives way.
type burst struct {
	requests atomic.Int32
	most     atomic.Int32 // at the same time, since the dispatcher looked
	met      time.Time    // when the dispatcher met a burst that still goes on; zero: none
}

func (b *burst) enter() {
	n := b.requests.Add(1)
	for most := b.most.Load(); n > most && !b.most.CompareAndSwap(most, n); most = b.most.Load() {
	}
}

func (b *burst) leave() { b.requests.Add(-1) }

// goesOn reports whether there was a burst at any time since the last look. A short pause
// between two looks does not end it.
func (b *burst) goesOn() bool { return b.most.Swap(b.requests.Load()) >= burstSize }

// giveWay waits until a burst has been accepted, before the dispatcher starts more. The
// callers wait for their answers, and to start and watch a job costs more than twice
// what accepting it does. A burst that goes on is given way to once: its start is late
// by a second at most, and a quota of Cloud Run's delays it longer than that.
func (d *dispatcher) giveWay() {
	b := &d.burst
	for b.goesOn() && d.closing.Err() == nil {
		if b.met.IsZero() {
			b.met = machineNow()
		}
		if elapsed(b.met) >= burstPatience {
			return
		}
		d.sleep(burstLook)
	}
	b.met = time.Time{}
}
