package changes_test

import (
	"testing"

	"github.com/runwith/runwith/internal/changes"
)

func TestPublishWakesSubscribersOfTheKey(t *testing.T) {
	t.Parallel()
	var feed changes.Feed[string]
	feed.Publish("a") // without subscribers
	one, leaveOne := feed.Subscribe("a")
	two, leaveTwo := feed.Subscribe("a")
	other, leaveOther := feed.Subscribe("b")
	for range 3 { // three changes do not block, and yield one wake-up
		feed.Publish("a")
	}
	for name, ch := range map[string]<-chan struct{}{"one": one, "two": two} {
		if len(ch) != 1 {
			t.Errorf("subscriber %s: %d wake-ups, want 1", name, len(ch))
		}
		<-ch
	}
	if len(other) != 0 {
		t.Error("a change of a woke the subscriber of b")
	}
	leaveOne()
	feed.Publish("a")
	if len(one) != 0 || len(two) != 1 {
		t.Errorf("after subscriber one left: %d and %d wake-ups, want 0 and 1", len(one), len(two))
	}
	leaveTwo()
	leaveOther()
	if n := feed.Len(); n != 0 {
		t.Errorf("Len() after all subscribers left = %d, want 0", n)
	}
}
