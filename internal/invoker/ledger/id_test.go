package ledger

import (
	"testing"
	"time"

	"github.com/google/uuid"
)

func TestIDAt(t *testing.T) {
	t.Parallel()
	before := time.Now()
	id, err := uuid.NewV7()
	if err != nil {
		t.Fatal(err)
	}
	after := time.Now().Add(2 * time.Millisecond) // a UUIDv7 may be a moment ahead
	if from, to := IDAt(before), IDAt(after); from >= id.String() || id.String() >= to {
		t.Errorf("ID of now = %s, want one between %s and %s", id, from, to)
	}
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
