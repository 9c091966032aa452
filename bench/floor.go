package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/runwith/runwith/internal/sqlite"
)

const (
	forkFloor    = "fork, exec, wait"
	durableFloor = "the same, 2 commits, a gRPC echo"
)

// record is about as large as what the engine stores of a run, in bytes.
const record = 512

// floor does what is measured with nothing around it: real processes, commits
// through the same database, and servers on this machine that have one handler.
// Those are in this process: a little faster than runwith's can be. Its methods
// may be called concurrently.
type floor struct {
	command   string // path of true
	db        *sqlite.DB
	grpc      *grpc.Server
	rest      *http.Server
	restAddr  string
	client    *cloudRun                       // of grpc
	execution atomic.Pointer[runpb.Execution] // what reads answer
}

// openFloor opens a database in a folder and listens. The caller closes it.
func openFloor(ctx context.Context, dir string) (_ *floor, err error) {
	f := &floor{}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.close())
		}
	}()
	if f.command, err = exec.LookPath("true"); err != nil {
		return nil, fmt.Errorf("find a command to run: %w", err)
	}
	f.db, err = sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(dir, "floor.db"),
		Migrations: []string{`CREATE TABLE runs (id INTEGER PRIMARY KEY, state TEXT NOT NULL, message BLOB NOT NULL) STRICT`}})
	if err != nil {
		return nil, err
	}
	if err = f.listen(ctx); err != nil {
		return nil, err
	}
	return f, nil
}

// listen serves gRPC by grpc-go's own transport, the fastest that there is, and
// REST by net/http.
func (f *floor) listen(ctx context.Context) error {
	var config net.ListenConfig
	forGRPC, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	f.grpc = grpc.NewServer()
	longrunningpb.RegisterOperationsServer(f.grpc, echo{})
	runpb.RegisterExecutionsServer(f.grpc, reads{floor: f})
	go f.grpc.Serve(forGRPC) //nolint:errcheck // it ends when the floor is closed
	if f.client, err = dial(ctx, forGRPC.Addr().String()); err != nil {
		return err
	}
	forREST, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	f.restAddr = forREST.Addr().String()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/", f.accept)
	mux.HandleFunc("GET /v2/", f.readREST)
	f.rest = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go f.rest.Serve(forREST) //nolint:errcheck // it ends when the floor is closed
	return nil
}

func (f *floor) close() error {
	var errs []error
	if f.client != nil {
		errs = append(errs, f.client.close())
	}
	if f.grpc != nil {
		f.grpc.Stop()
	}
	if f.rest != nil {
		errs = append(errs, f.rest.Close())
	}
	if f.db != nil {
		errs = append(errs, f.db.Close())
	}
	return errors.Join(errs...)
}

// fork runs the command and waits for its end. It takes a context for the sake of
// those who call it: to watch one would cost more than the floor may.
func (f *floor) fork(context.Context) error { return exec.Command(f.command).Run() }

// durable is a run without an engine: one call over the network, the process, and
// the fewest commits that keep the promise. That a run will be is on disk before
// it is answered and before there is a process, and that it has ended before
// anybody hears of it.
func (f *floor) durable(ctx context.Context) error {
	if _, err := f.client.operations.GetOperation(ctx, &longrunningpb.GetOperationRequest{Name: jobName}); err != nil {
		return err
	}
	id, err := f.insert(ctx)
	if err != nil {
		return err
	}
	if err := f.fork(ctx); err != nil {
		return err
	}
	return f.update(ctx, id)
}

// insert is one commit.
func (f *floor) insert(ctx context.Context) (id int64, err error) {
	err = f.db.Write(ctx, func(tx *sqlite.Tx) error {
		return tx.QueryRow(`INSERT INTO runs (state, message) VALUES ('running', ?) RETURNING id`, make([]byte, record)).Scan(&id)
	})
	return id, err
}

// update is one commit.
func (f *floor) update(ctx context.Context, id int64) error {
	return f.db.Write(ctx, func(tx *sqlite.Tx) error {
		_, err := tx.Exec(`UPDATE runs SET state = 'succeeded' WHERE id = ?`, id)
		return err
	})
}

// accept answers 202 when a request is on disk.
func (f *floor) accept(w http.ResponseWriter, r *http.Request) {
	id, err := f.insert(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	fmt.Fprintf(w, `{"id":%d}`, id)
}

func (f *floor) readREST(w http.ResponseWriter, _ *http.Request) {
	body, err := protojson.Marshal(f.execution.Load())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body) // a client that has left is missed by nobody
}

// echo answers with the name that it was asked for.
type echo struct {
	longrunningpb.UnimplementedOperationsServer
}

func (echo) GetOperation(_ context.Context, req *longrunningpb.GetOperationRequest) (*longrunningpb.Operation, error) {
	return &longrunningpb.Operation{Name: req.Name, Done: true}, nil
}

// reads answers with the floor's execution.
type reads struct {
	runpb.UnimplementedExecutionsServer
	floor *floor
}

func (r reads) GetExecution(context.Context, *runpb.GetExecutionRequest) (*runpb.Execution, error) {
	return r.floor.execution.Load(), nil
}
