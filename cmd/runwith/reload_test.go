package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/testneed"
)

// get returns the body of an answer.
func get(t *testing.T, url string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// outputOf returns the output of an invocation.
func outputOf(t *testing.T, client *runwith.Client, id string) string {
	t.Helper()
	var output strings.Builder
	for line, err := range client.Logs(t.Context(), id, nil) {
		if err != nil {
			t.Fatal(err)
		}
		output.WriteString(line.Text + "\n")
	}
	return output.String()
}

// replace replaces a file at once, as those who change configurations should.
func replace(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name+".new", []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		t.Fatal(err)
	}
}

// load starts a job again and again, and waits for each end, until ctx is done. It adds those
// that succeeded to succeeded.
func load(ctx context.Context, t *testing.T, client *runwith.Client, caller int, succeeded *atomic.Int64) {
	for n := 0; ctx.Err() == nil; n++ {
		key := fmt.Sprintf("caller-%d-%d", caller, n)
		i, err := client.Start(t.Context(), "test-job", key, &runwith.Request{Parameters: map[string]any{"n": caller}})
		if err != nil {
			t.Errorf("start: %v", err)
			return
		}
		if end, err := client.Wait(t.Context(), i.ID); err != nil || end.State != runwith.StateSucceeded {
			t.Errorf("invocation %s = %+v, %v, want succeeded", i.ID, end, err)
			return
		}
		succeeded.Add(1)
	}
}

// TestReloadUnderLoad changes the configuration while callers start jobs: nothing is refused,
// and every accepted invocation ends.
func TestReloadUnderLoad(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	needProcesses(t)
	config := filepath.Join(t.TempDir(), "runwith.yaml")
	version := func(n int) string {
		return fmt.Sprintf("jobs:\n  test-job:\n    parameters: {n: {type: integer}}\n    args: [\"version-%d\", \"n={n}\"]\n    concurrency: {limit: %d}\n", n, n+1)
	}
	replace(t, config, version(0))
	s := startUp(t, filepath.Join(t.TempDir(), "data"), "--config", config)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var callers sync.WaitGroup
	var succeeded atomic.Int64
	for caller := range 4 {
		callers.Go(func() { load(ctx, t, s.client(), caller, &succeeded) })
	}
	// The load goes on across each change, on a slow machine too.
	goesOn := func() {
		before := succeeded.Load()
		eventually.True(t, "the load goes on", func() bool { return succeeded.Load() >= before+4 || t.Failed() })
	}
	for n := range 2 {
		replace(t, config, version(n+1)+"    arg: mistake\n")
		eventually.True(t, "the mistake is reported", func() bool { return strings.Contains(get(t, s.url+"/readyz"), "mistake at runwith.yaml:6:5") })
		if !strings.Contains(get(t, s.url+"/metrics"), "runwith_config_up_to_date 0") {
			t.Error("the metric does not report the mistake")
		}
		goesOn()
		replace(t, config, version(n+1))
		eventually.True(t, "the new version is in use", func() bool { return !strings.Contains(get(t, s.url+"/readyz"), "notes") })
		goesOn()
	}
	stop()
	callers.Wait()
	i, err := s.client().Start(t.Context(), "test-job", "last", &runwith.Request{Parameters: map[string]any{"n": 7}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.client().Wait(t.Context(), i.ID); err != nil {
		t.Fatal(err)
	}
	if output := outputOf(t, s.client(), i.ID); !strings.Contains(output, "version-2") || !strings.Contains(output, "n=7") {
		t.Errorf("output = %q, want that of the last version", output)
	}
	if said := s.said(); !strings.Contains(said, config+":6:5") {
		t.Errorf("the log has not the place of the mistake:\n%s", said)
	}
}
