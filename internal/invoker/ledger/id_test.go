package ledger

import (
	"testing"
	"time"

	"github.com/google/uuid"
)

func TestIDAt(t *testing.T) {
	t.Parallel()
	for at, want := range map[time.Time]string{
		{}:                     "00000000-0000",
		time.UnixMilli(0x1234): "00000000-1234",
		time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC): "ffffffff-ffff",
	} {
		if got := IDAt(at); got != want {
			t.Errorf("IDAt(%v) = %s, want %s", at, got, want)
		}
	}
}

func TestIDs(t *testing.T) {
	t.Parallel()
	var ids IDs
	now := time.Date(2026, time.November, 29, 12, 0, 0, 999_999_999, time.UTC)
	last := ""
	for n, at := range []time.Time{now, now, now.Add(-time.Minute), now.Add(time.Microsecond), now.Add(time.Hour), now} {
		id, err := ids.Next(at)
		if err != nil {
			t.Fatal(err)
		}
		if id <= last {
			t.Errorf("ID %d = %s, want one after %s", n, id, last)
		}
		last = id
		parsed, err := uuid.Parse(id)
		if err != nil {
			t.Fatal(err)
		}
		if parsed.Version() != 7 {
			t.Errorf("ID %d has version %d, want 7", n, parsed.Version())
		}
		if parsed.Variant() != uuid.RFC4122 {
			t.Errorf("ID %d has variant %v, want %v", n, parsed.Variant(), uuid.RFC4122)
		}
	}
}

func TestIDsHaveTheTimeOfTheStore(t *testing.T) {
	t.Parallel()
	now := time.Now().Add(10 * time.Minute)
	id, err := new(IDs).Next(now)
	if err != nil {
		t.Fatal(err)
	}
	if before := IDAt(now); id < before {
		t.Errorf("ID = %s, want one after %s", id, before)
	}
	if after := IDAt(now.Add(time.Millisecond)); id >= after {
		t.Errorf("ID = %s, want one before %s", id, after)
	}
}
