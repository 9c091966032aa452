package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	httpserver "github.com/runwith/runwith/internal/server"
)

// recorder is a Cloud Run that does the minimum for an invoker and records the arrival of
// RunJob, so that the invoker is measured without the work of an engine. Every job exists,
// and every execution has succeeded.
type recorder struct {
	runpb.UnimplementedJobsServer
	runpb.UnimplementedExecutionsServer

	server  *grpc.Server
	tokens  *http.Server // the metadata server that issues the invoker's token
	addr    string
	served  chan error
	arrived chan time.Time // holds the time of the last RunJob

	mu   sync.Mutex
	runs []*runpb.Execution // newest last
}

// startRecorder starts a recorder. The caller closes it.
func startRecorder(ctx context.Context) (*recorder, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &recorder{server: grpc.NewServer(), addr: listener.Addr().String(), served: make(chan error, 2), arrived: make(chan time.Time, 1)}
	runpb.RegisterJobsServer(r.server, r)
	runpb.RegisterExecutionsServer(r.server, r)
	r.tokens = &http.Server{Handler: http.HandlerFunc(token), ReadHeaderTimeout: 10 * time.Second}
	http1, http2 := httpserver.Split(listener)
	go func() { r.served <- r.tokens.Serve(http1) }()
	go func() { r.served <- r.server.Serve(http2) }()
	return r, nil
}

func (r *recorder) close() error {
	r.server.Stop()
	err := r.tokens.Close()
	for range cap(r.served) {
		if ended := <-r.served; !errors.Is(ended, http.ErrServerClosed) {
			err = errors.Join(err, ended)
		}
	}
	return err
}

func token(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Metadata-Flavor", "Google")
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprint(w, `{"access_token":"runwith-recorded","expires_in":3600,"token_type":"Bearer"}`)
}

// GetJob returns any job.
func (r *recorder) GetJob(_ context.Context, req *runpb.GetJobRequest) (*runpb.Job, error) {
	return &runpb.Job{Name: req.Name, Uid: "recorded", Template: &runpb.ExecutionTemplate{TaskCount: 1,
		Template: &runpb.TaskTemplate{Containers: []*runpb.Container{{Image: "true"}}}}}, nil
}

// RunJob starts nothing.
func (r *recorder) RunJob(_ context.Context, req *runpb.RunJobRequest) (*longrunningpb.Operation, error) {
	now := time.Now()
	select {
	case <-r.arrived:
	default:
	}
	select {
	case r.arrived <- now:
	default:
	}
	packed, err := anypb.New(r.add(req.Name, now))
	if err != nil {
		return nil, err
	}
	return &longrunningpb.Operation{Name: location + "/operations/recorded", Metadata: packed}, nil
}

func (r *recorder) add(job string, now time.Time) *runpb.Execution {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := succeeded(job+"/executions/recorded-"+strconv.Itoa(len(r.runs)), now)
	r.runs = append(r.runs, e)
	return e
}

func succeeded(name string, at time.Time) *runpb.Execution {
	return &runpb.Execution{Name: name, TaskCount: 1, SucceededCount: 1,
		CreateTime: timestamppb.New(at), StartTime: timestamppb.New(at), CompletionTime: timestamppb.New(at),
		Conditions: []*runpb.Condition{{Type: "Completed", State: runpb.Condition_CONDITION_SUCCEEDED}}}
}

// GetExecution returns any execution.
func (r *recorder) GetExecution(_ context.Context, req *runpb.GetExecutionRequest) (*runpb.Execution, error) {
	return succeeded(req.Name, time.Now()), nil
}

// ListExecutions returns all executions, newest first.
func (r *recorder) ListExecutions(_ context.Context, req *runpb.ListExecutionsRequest) (*runpb.ListExecutionsResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	end := len(r.runs)
	if req.PageToken != "" {
		at, err := strconv.Atoi(req.PageToken)
		if err != nil || at < 0 || at > end {
			return nil, fmt.Errorf("page token %q", req.PageToken)
		}
		end = at
	}
	from := max(0, end-max(1, int(req.PageSize)))
	page := slices.Clone(r.runs[from:end])
	slices.Reverse(page)
	answer := &runpb.ListExecutionsResponse{Executions: page}
	if from > 0 {
		answer.NextPageToken = strconv.Itoa(from)
	}
	return answer, nil
}

// arrival calls post and returns the time of the next RunJob.
func (r *recorder) arrival(ctx context.Context, post func(context.Context) error) (time.Time, error) {
	select {
	case <-r.arrived: // from an earlier call
	default:
	}
	if err := post(ctx); err != nil {
		return time.Time{}, err
	}
	select {
	case at := <-r.arrived:
		return at, nil
	case <-ctx.Done():
		return time.Time{}, ctx.Err()
	}
}
