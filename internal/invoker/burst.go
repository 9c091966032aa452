package invoker

import "time"

const (
	// burstSize is how many requests that are being put on disk at once make a burst.
	burstSize = 8
	// burstPatience bounds how long a burst keeps what was accepted from being
	// started, and burstLook is how often the dispatcher looks whether it is over.
	burstPatience = time.Second
	burstLook     = 5 * time.Millisecond
)

// burst is when the dispatcher met a burst that still goes on; zero is none.
type burst struct{ met time.Time }

// giveWay lets a burst be accepted before the next of it is started. Those who send
// it wait for their answer, and to start a job and watch it costs more than twice what
// accepting it does. A burst that lasts is given way to once: its start is late by a second at
// most, and a quota of Cloud Run's makes it later than that.
func (v *Invoker) giveWay(b *burst) {
	for v.accepts.Load() >= burstSize && v.closing.Err() == nil {
		if b.met.IsZero() {
			b.met = time.Now()
		}
		if time.Since(b.met) >= burstPatience {
			return
		}
		v.sleep(nil, time.Now().Add(burstLook))
	}
	*b = burst{}
}
