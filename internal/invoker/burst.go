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

// burst counts the requests that are being put on disk. The accepter enters and leaves, and the
// dispatcher gives way. They share counters, unlike other parts, which hand rows to each other
// through the store: these requests have no rows yet. A message for each request would make every
// caller wait for the dispatcher.
type burst struct {
	requests atomic.Int32
	most     atomic.Int32 // at the same time, since the dispatcher's last look
	met      time.Time    // when the dispatcher met the burst that still goes on; zero: there is none
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

// giveWay waits until a burst is on disk, before the dispatcher starts more jobs. The callers wait
// for their answers, and starting and watching a job takes more than twice as much processor time
// as accepting it. The dispatcher waits at most a second for one burst, however long it goes on. A
// quota of Cloud Run delays a job for longer than that.
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
