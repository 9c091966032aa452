package ledger

import (
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
)

// maxMillis is the latest time that a UUIDv7 can have.
const maxMillis = 1<<48 - 1

// IDAt returns a string that sorts after the IDs of all invocations accepted before t, and
// before those of all others. It is exact to the millisecond: IDs are UUIDv7, and begin with
// that time. See https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-7.
func IDAt(t time.Time) string {
	millis := min(max(0, t.UnixMilli()), maxMillis)
	return fmt.Sprintf("%08x-%04x", millis>>16, millis&0xffff)
}

// IDs makes IDs of invocations and events: UUIDv7, whose time is that of the store's clock. Lists
// select by this time ([IDAt]). The IDs of one value of IDs increase. The zero value is
// ready, and its methods may be called concurrently.
//
// See https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-7.
type IDs struct {
	mu   sync.Mutex
	last int64 // in units of the time in an ID
}

// Next returns a new ID. now is the time by the store's clock. If the clock was set back, the ID
// has the time of the one before.
func (i *IDs) Next(now time.Time) (string, error) {
	id, err := uuid.NewRandom()
	if err != nil {
		return "", fmt.Errorf("make an ID: %w", err)
	}
	at := i.tick(now)
	binary.BigEndian.PutUint64(id[:8], uint64(at>>12<<16|7<<12|at&0xfff))
	return id.String(), nil
}

// tick returns a time as 48 bits of milliseconds and 12 bits of their fraction, after that of the
// ID before.
func (i *IDs) tick(now time.Time) int64 {
	i.mu.Lock()
	defer i.mu.Unlock()
	millis := now.UnixMilli()
	i.last = max(i.last+1, millis<<12|(now.UnixNano()-millis*1e6)>>8)
	return i.last
}
