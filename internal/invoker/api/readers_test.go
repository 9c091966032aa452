package api

import (
	"testing"

	"github.com/runwith/runwith"
)

// TestReadersAreShared checks that one caller cannot take all places, and that places come back.
func TestReadersAreShared(t *testing.T) {
	t.Parallel()
	r := &readers{most: 4}
	enter := func(caller string, want runwith.Code) (leave func()) {
		t.Helper()
		leave, err := r.enter(caller)
		if got := runwith.CodeOf(err); got != want {
			t.Errorf("enter(%q) = %v, want %v", caller, err, want)
		}
		return leave
	}
	const allowed = runwith.OK
	leave := enter("one", allowed)
	enter("one", allowed)
	enter("one", runwith.Unavailable)
	enter("two", allowed)
	enter("", allowed)
	enter("", runwith.Unavailable)
	leave()
	enter("one", allowed)
}
