package api_test

import (
	"strings"
	"testing"

	"cloud.google.com/go/logging/apiv2/loggingpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
)

func TestInvalidUTF8Output(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, s *server, c *client) {
		c.create(t, shell(`printf 'caf\303\251 \303\n\377\376\n\000\n\n'`))
		want := []string{"caf\u00e9 \ufffd", "\ufffd", "\x00", ""}
		if diff := cmp.Diff(want, s.output(t, c.run(t, nil))); diff != "" {
			t.Errorf("output differs (-want +got):\n%s", diff)
		}
	})
}

func TestLongLineIsSplit(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, s *server, c *client) {
		c.create(t, shell(`head -c 1048576 /dev/zero | tr '\0' x; echo; echo after`))
		got := s.output(t, c.run(t, nil))
		if len(got) != 5 || strings.Join(got[:4], "") != strings.Repeat("x", 1<<20) || got[4] != "after" {
			t.Errorf("output = %d entries, the first of %d bytes; want 1 MiB in four, and what came after", len(got), len(got[0]))
		}
	})
}

// gRPC clients accept messages of 4 MiB by default.
func TestPageOfLongLinesFitsInAMessage(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := dialGRPC(t, s)
	c.create(t, shell(`for i in 1 2 3 4 5; do head -c 1048576 /dev/zero | tr '\0' x; echo; done`))
	x := c.run(t, nil)
	req := &loggingpb.ListLogEntriesRequest{ResourceNames: []string{"projects/demo"}, Filter: logFilter(x), PageSize: 1000}
	entries := 0
	for {
		page, err := s.list(t, req)
		if err != nil {
			t.Fatalf("ListLogEntries() = %v", err)
		}
		if size := proto.Size(page); size > 4<<20 {
			t.Errorf("a page has %d bytes, want at most 4 MiB", size)
		}
		entries += len(page.Entries)
		if req.PageToken = page.NextPageToken; req.PageToken == "" {
			break
		}
	}
	if entries != 20 {
		t.Errorf("entries = %d, want 20 of 256 KiB", entries)
	}
}
