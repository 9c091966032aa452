// Command floor serves the floors of the bench: minimal handlers on the same transports as
// runwith's, in a process of their own. It ends with SIGTERM.
//
//	floor DIR
//	floor postgres://...
//	floor ticks
//	floor talk
//
// DIR is the folder for its database. When it is ready, it writes the addresses of its gRPC
// and REST listeners to standard error. With the URL of a PostgreSQL it keeps requests there, and
// has only a REST listener. `floor ticks` is not a server: it is a task that prints
// the time, in nanoseconds, a hundred times a second. `floor talk` is one that prints much, then
// "done", and waits.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/runwith/runwith/internal/engine/knative"
	"github.com/runwith/runwith/internal/sqlite"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: floor DIR, floor postgres://..., floor ticks, or floor talk")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var err error
	switch arg := os.Args[1]; {
	case arg == "ticks":
		tick(ctx)
	case arg == "talk":
		talk(ctx, os.Stdout)
	case strings.HasPrefix(arg, "postgres://"):
		err = servePostgres(ctx, arg)
	default:
		err = serve(ctx, arg)
	}
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "floor: %v\n", err)
		os.Exit(1)
	}
}

// tick prints the time until ctx ends.
func tick(ctx context.Context) {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			fmt.Println(time.Now().UnixNano())
		}
	}
}

// much is more than a connection buffers, in bytes.
const much = 16 << 20

// talk prints much, and waits for the end of ctx.
func talk(ctx context.Context, w io.Writer) {
	out := bufio.NewWriterSize(w, 64<<10)
	for range much / 128 {
		fmt.Fprintf(out, "%0127d\n", 0)
	}
	fmt.Fprintln(out, "done")
	_ = out.Flush() // the reader has left
	<-ctx.Done()
}

// serve serves gRPC on grpc-go's own transport, the fastest one, and REST on net/http, until
// ctx ends.
func serve(ctx context.Context, dir string) (err error) {
	f := &floor{piece: make([]byte, 8<<10)}
	f.db, err = sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(dir, "server.db"),
		Migrations: []string{`CREATE TABLE invocations (id INTEGER PRIMARY KEY, message BLOB NOT NULL) STRICT`}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.db.Close()) }()
	var config net.ListenConfig
	forGRPC, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	forREST, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	longrunningpb.RegisterOperationsServer(server, echo{})
	runpb.RegisterJobsServer(server, f)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/", f.accept)
	mux.HandleFunc("GET /v2/", f.getV2)
	mux.HandleFunc("GET /followed", func(w http.ResponseWriter, _ *http.Request) { f.followed(w) })
	mux.HandleFunc("GET /apis/", f.getV1)
	rest := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 2)
	go func() { served <- server.Serve(forGRPC) }()
	go func() { served <- rest.Serve(forREST) }()
	fmt.Fprintln(os.Stderr, "floor is ready at", forGRPC.Addr(), forREST.Addr())
	select {
	case err = <-served:
	case <-ctx.Done():
	}
	server.Stop()
	return errors.Join(err, rest.Close())
}

// floor answers with its latest job.
type floor struct {
	runpb.UnimplementedJobsServer
	db    *sqlite.DB
	job   atomic.Pointer[runpb.Job]
	v1    atomic.Pointer[knative.Job]
	piece []byte
}

// UpdateJob sets the job of later answers.
func (f *floor) UpdateJob(_ context.Context, req *runpb.UpdateJobRequest) (*longrunningpb.Operation, error) {
	f.job.Store(req.Job)
	f.v1.Store(knative.FromJob(req.Job, "demo"))
	return &longrunningpb.Operation{Done: true}, nil
}

// GetJob returns the job, which the transport marshals.
func (f *floor) GetJob(context.Context, *runpb.GetJobRequest) (*runpb.Job, error) {
	return f.job.Load(), nil
}

// getV2 marshals the job.
func (f *floor) getV2(w http.ResponseWriter, _ *http.Request) {
	body, err := protojson.Marshal(f.job.Load())
	answer(w, body, err)
}

// getV1 marshals the job in the form of v1.
func (f *floor) getV1(w http.ResponseWriter, _ *http.Request) {
	body, err := json.Marshal(f.v1.Load())
	answer(w, body, err)
}

// followed writes much, from a buffer that all clients share.
func (f *floor) followed(w http.ResponseWriter) {
	for range much / len(f.piece) {
		if _, err := w.Write(f.piece); err != nil {
			return // the client has left
		}
	}
}

func answer(w http.ResponseWriter, body []byte, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body) // a client may have left
}

// record is about the size of a stored request, in bytes.
const record = 512

// accept answers 202 when the request is on disk.
func (f *floor) accept(w http.ResponseWriter, r *http.Request) {
	var id int64
	err := f.db.Write(r.Context(), func(tx *sqlite.Tx) error {
		return tx.QueryRow(`INSERT INTO invocations (message) VALUES (?) RETURNING id`, make([]byte, record)).Scan(&id)
	})
	answerAccepted(w, id, err)
}

func answerAccepted(w http.ResponseWriter, id int64, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	fmt.Fprintf(w, `{"id":%d}`, id)
}

// echo answers with the requested name.
type echo struct {
	longrunningpb.UnimplementedOperationsServer
}

func (echo) GetOperation(_ context.Context, req *longrunningpb.GetOperationRequest) (*longrunningpb.Operation, error) {
	return &longrunningpb.Operation{Name: req.Name, Done: true}, nil
}
