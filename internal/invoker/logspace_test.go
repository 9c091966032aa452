package invoker

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
)

// TestLogsOfSlowCaller lets a caller take a few lines at a time. The rest of each page is
// dropped and read again, and no line is lost or repeated.
func TestLogsOfSlowCaller(t *testing.T) {
	t.Parallel()
	const lines = 50
	begin := time.Now().UTC()
	var reads int
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		reads++
		var entries []map[string]string
		for i := range lines {
			entries = append(entries, map[string]string{"logName": "projects/demo/logs/run.googleapis.com%2Fstdout", "insertId": fmt.Sprint(i),
				"timestamp": begin.Add(time.Duration(i) * time.Millisecond).Format(time.RFC3339Nano), "textPayload": fmt.Sprint(i)})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"entries": entries})
	}))
	defer server.Close()
	client, err := cloudrun.Dial(t.Context(), cloudrun.Config{Project: "demo", Region: "us-east4", Endpoint: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	v := open(t, &cloud{
		execution: func(name string) (*runpb.Execution, error) { return success(name), nil },
		log: func(after cloudrun.Cursor) ([]runwith.LogLine, cloudrun.Cursor, error) {
			return client.LogEntries(t.Context(), "projects/demo/locations/us-east4/jobs/report/executions/report-abcde", after)
		},
	})
	var want, got []string
	for i := range lines {
		want = append(want, fmt.Sprint(i))
	}
	asked := 0
	ready := func(ctx context.Context) error {
		if _, patient := ctx.Deadline(); !patient {
			return nil // the reader holds no page
		}
		if len(v.logPages) != 1 {
			t.Errorf("the reader holds %d pages, want 1", len(v.logPages))
		}
		if asked++; asked%8 == 0 {
			return context.DeadlineExceeded
		}
		return nil
	}
	for line, err := range v.Logs(t.Context(), invoke(t, v, runwith.Overrides{}).ID, LogQuery{Follow: true, Ready: ready}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, line.Text)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines of a slow caller differ (-want +got):\n%s", diff)
	}
	if reads < lines/8 || len(v.logPages) != 0 {
		t.Errorf("the log was read %d times and %d pages are held, want a read for each dropped page and none held", reads, len(v.logPages))
	}
}
