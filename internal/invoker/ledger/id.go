package ledger

import (
	"fmt"
	"time"
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
