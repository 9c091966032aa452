package changes_test

import (
	"testing"

	"github.com/runwith/runwith/internal/changes"
)

func TestChangesReachThoseWhoWaitForThatKey(t *testing.T) {
	t.Parallel()
	var feed changes.Feed[string]
	feed.Publish("a") // to nobody
	one, leaveOne := feed.Subscribe("a")
	two, leaveTwo := feed.Subscribe("a")
	other, leaveOther := feed.Subscribe("b")
	for range 3 { // nobody is held up, and three are told as one
		feed.Publish("a")
	}
	for name, ch := range map[string]<-chan struct{}{"one": one, "two": two} {
		if len(ch) != 1 {
			t.Errorf("%s has %d to receive, want 1", name, len(ch))
		}
		<-ch
	}
	if len(other) != 0 {
		t.Error("who waits for b was told of a")
	}
	leaveOne()
	feed.Publish("a")
	if len(one) != 0 || len(two) != 1 {
		t.Errorf("after one has left: %d and %d to receive, want 0 and 1", len(one), len(two))
	}
	leaveTwo()
	leaveOther()
	if n := feed.Len(); n != 0 {
		t.Errorf("Len() = %d after all have left, want 0", n)
	}
}
