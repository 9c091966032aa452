package invoker

import (
	"sync/atomic"
	"time"
)

const (
	// burstSize is how many requests make a burst while they are being put on disk.
	burstSize = 8
	// burstPatience bounds how long a burst delays the dispatcher, and burstLook is how
	// often the dispatcher looks whether the burst is over.
	burstPatience = time.Second
	burstLook     = 5 * time.Millisecond
)

// burst counts the requests that are being put on disk. The accepter enters and leaves,
// and the dispatcher gives way.
type burst struct {
	requests atomic.Int32
	met      time.Time // when the dispatcher met a burst that still goes on; zero: none
}

func (b *burst) enter() { b.requests.Add(1) }
func (b *burst) leave() { b.requests.Add(-1) }

// giveWay waits until a burst has been accepted, before the dispatcher starts more. The
// callers wait for their answers, and to start and watch a job costs more than twice
// what accepting it does. A burst that goes on is given way to once: its start is late
// by a second at most, and a quota of Cloud Run's delays it longer than that.
func (d *dispatcher) giveWay() {
	b := &d.burst
	for b.requests.Load() >= burstSize && d.closing.Err() == nil {
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
