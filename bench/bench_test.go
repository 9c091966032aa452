package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith/internal/testneed"
)

// TestEveryRowIsMeasured runs all rows once, as briefly as possible.
func TestEveryRowIsMeasured(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	needProcesses(t)
	data := t.TempDir()
	r, err := measure(t.Context(), options{n: 1, clients: 2, data: data, rest: time.Millisecond, past: 2 * fewExecutions, invocations: 2 * fewInvocations, tasks: 100, log: 8 << 20, deliveries: 200}, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, row := range r.Rows {
		names = append(names, row.Name)
		// A short execution may add no memory, schedules at rest no processor time, and replicas should
		// have no troubles. All other figures are positive.
		mayBeZero := row.What == memoryAdded || row.What == troublesOf || row.Name == "schedules"
		if m := row.Measured; min(m.Median, m.P95) < 0 || min(m.Median, m.P95) == 0 && !mayBeZero {
			t.Errorf("%s %s: measured %+v, want more than nothing", row.Name, row.What, row.Measured)
		}
		if f := row.Floor; f != nil && (f.Median <= 0 || f.Ratio <= 0) {
			t.Errorf("%s %s: floor %+v, want more than nothing", row.Name, row.What, *f)
		}
	}
	var want []string
	for _, s := range scenarios {
		// Without a daemon or PostgreSQL, the row is missing. Tests start no cluster for kubernetes.
		if needs := []string{"container", "shared", "kubernetes"}; !slices.Contains(needs, s.name) || slices.Contains(names, s.name) {
			want = append(want, s.name)
		}
	}
	if diff := cmp.Diff(want, slices.Compact(names)); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	wantEmpty(t, data)
}

func TestInterruptLeavesNothing(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	needProcesses(t)
	data := t.TempDir()
	ctx, interrupt := context.WithCancelCause(t.Context())
	interrupted := errors.New("interrupted")
	began := writerFunc(func(text []byte) {
		if bytes.Contains(text, []byte("measuring")) {
			time.AfterFunc(time.Millisecond, func() { interrupt(interrupted) })
		}
	})
	err := execute(ctx, []string{"-only", "run", "-n", "1000000", "-data", data}, io.Discard, began)
	if !errors.Is(err, interrupted) {
		t.Errorf("execute() = %v, want that it was interrupted", err)
	}
	wantEmpty(t, data)
}

type writerFunc func([]byte)

func (f writerFunc) Write(text []byte) (int, error) {
	f(text)
	return len(text), nil
}

// wantEmpty also finds a server that still runs, because it would hold its data.
func wantEmpty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left in the folder: %v, %v, want nothing", left, err)
	}
}

func needProcesses(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("tasks are processes, which run on Linux and macOS")
	}
}

func TestBadCommandLine(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args string
		want string
	}{
		{"-n 0", "-n 0: must be at least 1"},
		{"-clients -1", "-clients -1: must not be negative"},
		{"-pods 0", "-pods 0: must be at least 1"},
		{"-waiting 1000", "-waiting 1000: must be at least 1500"},
		{"-only walk", "-only walk: no such row"},
		{"walk", `"walk": unknown argument`},
		{"-walk", "not defined: -walk"},
	} {
		var errs bytes.Buffer
		err := execute(t.Context(), strings.Fields(test.args), io.Discard, &errs)
		if !errors.Is(err, errUsage) || !strings.Contains(errs.String(), test.want) {
			t.Errorf("execute(%q) = %v and %q, want a usage error with %q", test.args, err, errs.String(), test.want)
		}
	}
}

func TestSummarize(t *testing.T) {
	t.Parallel()
	var samples []float64
	for i := range 100 {
		samples = append(samples, float64((i*37)%100+1)) // 1 to 100 in some order
	}
	for _, test := range []struct {
		unit    unit
		samples []float64
		want    stat
	}{
		{seconds, samples, stat{Median: 50, P95: 95}},
		{bytesHeld, samples, stat{Median: 50, P95: 95}},
		{perSecond, samples, stat{Median: 51, P95: 6}}, // 95 of 100 are not below 6
		{seconds, []float64{7}, stat{Median: 7, P95: 7}},
		{perSecond, []float64{3, 1, 2}, stat{Median: 2, P95: 1}},
	} {
		if got := summarize(test.unit, test.samples); got != test.want {
			t.Errorf("summarize(%q, %v) = %+v, want %+v", test.unit, test.samples, got, test.want)
		}
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	r := report{
		Machine: machine{Date: "2026-01-02", OS: "linux", Arch: "amd64", Cores: 2, Go: "go1.26", Sync: stat{0.00015, 0.002}},
		Rows: []row{
			newRow("a run", seconds, []float64{0.004}).beside("a fork", []float64{0.001}).times(3),
			newRow("runs", perSecond, []float64{500}).beside("forks", []float64{2000}),
			newRow("start", seconds, []float64{0.2}).within(0.25),
			newRow("memory", bytesHeld, []float64{50 << 20}).within(40 << 20),
		},
	}
	var out bytes.Buffer
	if err := r.writeTable(&out); err != nil {
		t.Fatal(err)
	}
	var got [][]string
	for line := range strings.Lines(out.String()) {
		got = append(got, strings.Fields(line))
	}
	want := [][]string{
		strings.Fields("2026-01-02, linux/amd64, 2 cores, go1.26; 4 KiB written and synced in 150 µs (p95 2.00 ms)"),
		nil,
		strings.Fields("row what median p95 floor p95 ratio target the floor is"),
		strings.Fields("a run 4.00 ms 4.00 ms 1.00 ms 1.00 ms 4.0x 3x, missed a fork"),
		strings.Fields("runs 500/s 500/s 2000/s 2000/s 4.0x forks"),
		strings.Fields("start 200 ms 200 ms 250 ms, met"),
		strings.Fields("memory 50.0 MiB 50.0 MiB 40.0 MiB, missed"),
	}
	if diff := cmp.Diff(want, got, cmp.Transformer("nil", func(s []string) string { return strings.Join(s, " ") })); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	r := report{Rows: []row{newRow("runs", perSecond, []float64{500}).beside("forks", []float64{2000})}}
	var out bytes.Buffer
	if err := r.writeJSON(&out); err != nil {
		t.Fatal(err)
	}
	var got report
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, got, cmp.AllowUnexported(floors{})); diff != "" {
		t.Errorf("report after JSON (-want +got):\n%s", diff)
	}
}

func TestRateStopsAtTheFirstError(t *testing.T) {
	t.Parallel()
	refused := errors.New("refused")
	_, err := rate(3, math.MaxInt32, func(context.Context, int) error { return refused })(t.Context())
	if !errors.Is(err, refused) {
		t.Errorf("rate() = %v, want %v", err, refused)
	}
}

func TestInterleaveTakesTurns(t *testing.T) {
	t.Parallel()
	var order []int
	step := func(i int) probe {
		return func(context.Context) (float64, error) {
			order = append(order, i)
			return float64(len(order)), nil
		}
	}
	got, err := interleave(t.Context(), plan{samples: 2, turn: 1}, step(0), step(1))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{0, 1, 0, 1, 0, 1}, order); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([][]float64{{3, 5}, {4, 6}}, got); diff != "" { // the first turn does not count
		t.Errorf("samples (-want +got):\n%s", diff)
	}
}
