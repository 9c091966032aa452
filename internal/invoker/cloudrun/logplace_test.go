package cloudrun

import (
	"testing"
	"time"

	"cloud.google.com/go/logging/apiv2/loggingpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/runwith/runwith"
)

func TestLogPlace(t *testing.T) {
	t.Parallel()
	for _, p := range []LogPlace{{}, {1, "a"}, {time.Now().UnixNano(), "an id-with_all.of it"}} {
		if got, err := ParseLogPlace(p.String()); err != nil || got != p {
			t.Errorf("ParseLogPlace(%q) = %v, %v, want %v", p, got, err, p)
		}
	}
	for _, text := range []string{"", "x", "!", "MTIz", "YSBi", LogPlace{-1, "a"}.String()} {
		if _, err := ParseLogPlace(text); runwith.CodeOf(err) != runwith.InvalidArgument {
			t.Errorf("ParseLogPlace(%q) = %v, want INVALID_ARGUMENT", text, err)
		}
	}
}

// entriesAt returns entries whose insert IDs are their texts, at seconds.
func entriesAt(all ...LogPlace) []*loggingpb.LogEntry {
	var entries []*loggingpb.LogEntry
	for _, p := range all {
		entries = append(entries, &loggingpb.LogEntry{
			InsertId: p.id, Timestamp: timestamppb.New(p.time()), LogName: "projects/p/logs/run.googleapis.com%2Fstdout",
			Payload: &loggingpb.LogEntry_TextPayload{TextPayload: p.id},
		})
	}
	return entries
}

func ids(entries []*loggingpb.LogEntry) (all []string) {
	for _, e := range entries {
		all = append(all, e.GetInsertId())
	}
	return all
}

// A cursor behind a place leaves out the entries up to it, also those of the same time, and
// searches no earlier.
func TestCursorAfter(t *testing.T) {
	t.Parallel()
	const second = int64(time.Second)
	place := LogPlace{2 * second, "b"}
	c := LogSince(time.Unix(1, 0)).After(place)
	if !c.from.Equal(time.Unix(2, 0)) {
		t.Errorf("the search begins at %v, want the time of the place", c.from)
	}
	fresh, next := c.after(entriesAt(LogPlace{2 * second, "a"}, place, LogPlace{2 * second, "c"}, LogPlace{3 * second, "a"}), "")
	if diff := cmp.Diff([]string{"c", "a"}, ids(fresh)); diff != "" {
		t.Errorf("entries behind b (-want +got):\n%s", diff)
	}
	if fresh, _ = next.after(entriesAt(place, LogPlace{2 * second, "c"}, LogPlace{3 * second, "b"}), ""); !cmp.Equal([]string{"b"}, ids(fresh)) {
		t.Errorf("the next entries are %q, want b", ids(fresh))
	}
}

// The last lines come in the order of time. The cursor behind them repeats none, finds an entry
// that came late among them, and none before them.
func TestLastLines(t *testing.T) {
	t.Parallel()
	const second = int64(time.Second)
	last := LogSince(time.Unix(0, 0)).Last(3, LogPlace{6 * second, "f"})
	for _, e := range entriesAt(
		LogPlace{7 * second, "g"}, LogPlace{6 * second, "f"}, LogPlace{6 * second, "e"}, LogPlace{5 * second, "d"}, LogPlace{4 * second, "c"}, LogPlace{3 * second, "b"},
	) {
		last.add(e)
	}
	lines, next := last.Lines()
	var texts []string
	for _, line := range lines {
		texts = append(texts, line.Text)
	}
	if diff := cmp.Diff([]string{"c", "d", "e"}, texts); diff != "" {
		t.Errorf("last lines before f (-want +got):\n%s", diff)
	}
	fresh, _ := next.after(entriesAt(
		LogPlace{3 * second, "b"}, LogPlace{4 * second, "c"}, LogPlace{5 * second, "d"}, LogPlace{5 * second, "late"}, LogPlace{6 * second, "e"}, LogPlace{6 * second, "f"},
	), "")
	if diff := cmp.Diff([]string{"late", "f"}, ids(fresh)); diff != "" {
		t.Errorf("entries behind the last lines (-want +got):\n%s", diff)
	}
}
