package api_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	logging "cloud.google.com/go/logging/apiv2"
	"cloud.google.com/go/logging/apiv2/loggingpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

// tail opens a stream with the official client.
func tail(ctx context.Context, t *testing.T, addr string, req *loggingpb.TailLogEntriesRequest) loggingpb.LoggingServiceV2_TailLogEntriesClient {
	t.Helper()
	c, err := logging.NewClient(ctx, option.WithEndpoint(addr), option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	stream, err := c.TailLogEntries(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(req); err != nil && !errors.Is(err, io.EOF) { // Recv returns why it was refused
		t.Fatal(err)
	}
	return stream
}

// receive returns the next lines of a stream, as many as are asked for.
func receive(t *testing.T, stream loggingpb.LoggingServiceV2_TailLogEntriesClient, n int) (lines []string) {
	t.Helper()
	for len(lines) < n {
		res, err := stream.Recv()
		if err != nil {
			t.Fatalf("Recv() after %q = %v", lines, err)
		}
		for _, e := range res.Entries {
			lines = append(lines, e.Labels["run.googleapis.com/execution_name"]+": "+e.GetTextPayload())
		}
	}
	return lines
}

// ready waits until a stream follows: what a job prints until then it may miss, so
// that the job prints until something comes.
func ready(t *testing.T, s *server, c *client, stream loggingpb.LoggingServiceV2_TailLogEntriesClient) {
	t.Helper()
	op, err := c.jobs.CreateJob(t.Context(), &runpb.CreateJobRequest{Parent: parent, JobId: "probe", Job: shell("while :; do echo probe; sleep 0.01; done")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := op.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	x, run := c.startJob(t, parent+"/jobs/probe")
	receive(t, stream, 1)
	if _, err := c.executions.CancelExecution(t.Context(), &runpb.CancelExecutionRequest{Name: x.Name}); err != nil {
		t.Fatal(err)
	}
	_, _ = run.Wait(t.Context())
	short := x.Name[strings.LastIndexByte(x.Name, '/')+1:]
	for {
		if lines := receive(t, stream, 1); slices.Contains(lines, short+": Container terminated on signal 15.") {
			return
		}
	}
}

func TestStreamIncludesLaterExecutions(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := dialGRPC(t, s)
	gate := t.TempDir()
	stream := tail(t.Context(), t, s.addr, &loggingpb.TailLogEntriesRequest{
		ResourceNames: []string{"projects/demo"}, Filter: `resource.labels.job_name=(probe OR hello) -textPayload:"exit(0)"`,
	})
	if err := stream.CloseSend(); err != nil { // there is no more to ask
		t.Fatal(err)
	}
	ready(t, s, c, stream)

	job := shell(`echo first; while [ ! -e "$1" ]; do sleep 0.01; done; echo second`)
	job.Template.Template.Containers[0].Args = []string{filepath.Join(gate, "go")}
	c.create(t, job)
	x, _ := c.start(t)
	short := x.Name[strings.LastIndexByte(x.Name, '/')+1:]
	if got := receive(t, stream, 1); !slices.Equal(got, []string{short + ": first"}) {
		t.Errorf("while the task waits the stream has %q, want its first line", got)
	}
	open(t, gate)
	if got := receive(t, stream, 1); !slices.Equal(got, []string{short + ": second"}) {
		t.Errorf("then the stream has %q, want its second line", got)
	}
}

func TestStreamAppliesItsFilter(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := dialGRPC(t, s)
	stream := tail(t.Context(), t, s.addr, &loggingpb.TailLogEntriesRequest{
		ResourceNames: []string{"projects/demo"}, BufferWindow: durationpb.New(50 * time.Millisecond),
		Filter: `resource.labels.job_name="probe" OR (jsonPayload.n>1 AND labels."run.googleapis.com/task_index"=1)`,
	})
	ready(t, s, c, stream)
	job := shell(`for n in 1 2 3; do echo "{\"n\":$n}"; done`)
	job.Template.TaskCount = 3
	c.create(t, job)
	c.run(t, nil)
	var got []float64
	for len(got) < 2 {
		res, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range res.Entries {
			if e.Labels["run.googleapis.com/task_index"] != "1" {
				t.Errorf("the stream has %v, want task 1 alone", e)
			}
			got = append(got, e.GetJsonPayload().GetFields()["n"].GetNumberValue())
		}
	}
	if !slices.Equal(got, []float64{2, 3}) {
		t.Errorf("the stream has %v, want 2 and 3", got)
	}
}

// TestSlowReader checks that a reader that does not read delays nobody, and that it gets the number
// of entries that it missed.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := dialGRPC(t, s)
	stream := tail(t.Context(), t, s.addr, &loggingpb.TailLogEntriesRequest{ResourceNames: []string{"projects/demo"}})
	ready(t, s, c, stream)
	const lines = 40_000
	c.create(t, shell(fmt.Sprintf(`yes %s | head -n %d; echo the end`, strings.Repeat("x", 1000), lines)))
	c.run(t, nil)
	got, suppressed := 0, 0
	for last := ""; last != "Container called exit(0)."; {
		res, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		for _, info := range res.SuppressionInfo {
			if info.Reason != loggingpb.TailLogEntriesResponse_SuppressionInfo_NOT_CONSUMED {
				t.Errorf("suppression = %v, want NOT_CONSUMED", info)
			}
			suppressed += int(info.SuppressedCount)
		}
		for _, e := range res.Entries {
			last = e.GetTextPayload()
		}
		got += len(res.Entries)
	}
	if got+suppressed != lines+2 || suppressed < lines/10 || got < lines/10 {
		t.Errorf("the stream has %d entries and is told of %d, want all of %d together and many of each", got, suppressed, lines+2)
	}
}

// TestPausingReader checks that a reader that pauses gets every line once, in order,
// although the server keeps few of them in memory meanwhile.
func TestPausingReader(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := dialGRPC(t, s)
	stream := tail(t.Context(), t, s.addr, &loggingpb.TailLogEntriesRequest{ResourceNames: []string{"projects/demo"}})
	ready(t, s, c, stream)
	const lines, tasks = 10_000, 3
	job := shell(fmt.Sprintf(`seq -f %%06g %d; head -c 200000 /dev/zero | tr '\0' x; echo`, lines))
	job.Template.TaskCount = tasks
	c.create(t, job)
	c.run(t, nil)
	next, ended := map[string]int{}, 0
	for ended < tasks {
		res, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if len(res.SuppressionInfo) > 0 {
			t.Fatalf("the stream reports %v, want every line", res.SuppressionInfo)
		}
		for _, e := range res.Entries {
			task, text := e.Labels["run.googleapis.com/task_index"], e.GetTextPayload()
			switch next[task]++; {
			case text == "Container called exit(0)." && next[task] == lines+2:
				ended++
			case text != fmt.Sprintf("%06d", next[task]) && next[task] <= lines:
				t.Fatalf("task %s: line %d = %.20q", task, next[task], text)
			}
		}
	}
}

func TestTooManyStreams(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	addr, stop := split(t, s)
	defer stop()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	refused := make(chan error)
	const limit, more = 256, 5
	for range limit + more {
		stream, err := loggingpb.NewLoggingServiceV2Client(conn).TailLogEntries(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Send(&loggingpb.TailLogEntriesRequest{ResourceNames: []string{"projects/demo"}}); err != nil {
			t.Fatal(err)
		}
		go func() {
			_, err := stream.Recv()
			refused <- err
		}()
	}
	for range more {
		if err := <-refused; status.Code(err) != codes.Unavailable || !strings.Contains(status.Convert(err).Message(), "256 callers follow logs already") {
			t.Errorf("a stream too many = %v, want Unavailable that names the limit", err)
		}
	}
	leave()
	for range limit {
		if err := <-refused; status.Code(err) != codes.Canceled {
			t.Errorf("a stream within the limit = %v, want that it stays until its caller leaves", err)
		}
	}
}

func TestStreamsAreRefusedAsCallsAre(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	addr, stop := split(t, s)
	defer stop()
	project := []string{"projects/demo"}
	for want, req := range map[string]*loggingpb.TailLogEntriesRequest{
		`resource_names: has 0 names, must have 1 to 100, such as projects/demo`: {},
		`filter: at position 7: expected a value, found the end`:                 {ResourceNames: project, Filter: "trace="},
		`buffer_window: is 1m1s, must be 0s to 1m0s`:                             {ResourceNames: project, BufferWindow: durationpb.New(61 * time.Second)},
		`the request has more than 1048576 bytes`:                                {ResourceNames: project, Filter: strings.Repeat("x", 1<<20)},
	} {
		_, err := tail(t.Context(), t, addr, req).Recv()
		if status.Code(err) != codes.InvalidArgument || status.Convert(err).Message() != want {
			t.Errorf("TailLogEntries() = %v, want InvalidArgument: %s", err, want)
		}
	}
	twice := tail(t.Context(), t, addr, &loggingpb.TailLogEntriesRequest{ResourceNames: project})
	if err := twice.Send(&loggingpb.TailLogEntriesRequest{ResourceNames: project}); err != nil {
		t.Fatal(err)
	}
	if _, err := twice.Recv(); status.Code(err) != codes.InvalidArgument {
		t.Errorf("a second request = %v, want InvalidArgument", err)
	}
	evil := metadata.AppendToOutgoingContext(t.Context(), "origin", "http://evil.example")
	if _, err := tail(evil, t, addr, &loggingpb.TailLogEntriesRequest{ResourceNames: project}).Recv(); status.Code(err) != codes.PermissionDenied {
		t.Errorf("a page of another origin = %v, want PermissionDenied", err)
	}
}

func TestStreamEndsWithCallerOrServer(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	addr, stop := split(t, s)
	req := &loggingpb.TailLogEntriesRequest{ResourceNames: []string{"projects/demo"}}
	ctx, leave := context.WithCancel(t.Context())
	left, stays := tail(ctx, t, addr, req), tail(t.Context(), t, addr, req)
	leave()
	if _, err := left.Recv(); status.Code(err) != codes.Canceled {
		t.Errorf("the stream that its caller leaves = %v, want Canceled", err)
	}
	stop()
	if _, err := stays.Recv(); status.Code(err) != codes.Unavailable || errors.Is(err, io.EOF) {
		t.Errorf("the stream of a server that stops = %v, want Unavailable", err)
	}
}
