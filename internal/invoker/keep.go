package invoker

import "time"

const (
	// keepEvery is how often old invocations are looked for.
	keepEvery = time.Hour
	// keepBatch is how many are removed in one transaction.
	keepBatch = 200
)

// keep removes what was kept long enough, until the invoker closes.
func (v *Invoker) keep() {
	for v.closing.Err() == nil {
		now := stored(time.Now())
		n, err := v.store.Tidy(v.closing, now, now.Add(-v.config.Keep), keepBatch)
		if err != nil {
			v.storeFailed("remove old invocations", err)
		}
		if n < keepBatch {
			v.sleep(nil, time.Now().Add(keepEvery))
		}
	}
}
