package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"

	"github.com/runwith/runwith/internal/sqlite"
)

const (
	forkFloor    = "fork, exec, wait"
	durableFloor = "the same, 2 commits, a gRPC echo"
)

// record is about the size of a stored run, in bytes.
const record = 512

// floor does the measured work with nothing around it: real processes, commits through the
// same database, and calls of a server with minimal handlers (bench/floor). Its methods may
// be called concurrently.
type floor struct {
	command  string // path of true
	binary   string // of bench/floor
	db       *sqlite.DB
	server   *server
	restAddr string
	client   *cloudRun // of the server's gRPC
}

// openFloor opens a database and starts the server. The caller closes it.
func (b *bench) openFloor(ctx context.Context) (_ *floor, err error) {
	f := &floor{}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.close())
		}
	}()
	if f.command, err = exec.LookPath("true"); err != nil {
		return nil, fmt.Errorf("find a command to run: %w", err)
	}
	dir := filepath.Join(b.dir, "floor")
	f.db, err = sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(dir, "floor.db"),
		Migrations: []string{`CREATE TABLE runs (id INTEGER PRIMARY KEY, state TEXT NOT NULL, message BLOB NOT NULL) STRICT`}})
	if err != nil {
		return nil, err
	}
	f.binary, err = b.build(ctx, "floor", "github.com/runwith/runwith/bench/floor")
	if err != nil {
		return nil, err
	}
	if f.server, err = start(ctx, b.progress, "floor is ready at ", f.binary, dir); err != nil {
		return nil, err
	}
	forGRPC, forREST, _ := strings.Cut(f.server.addr, " ")
	f.restAddr = forREST
	f.client, err = dial(ctx, forGRPC)
	return f, err
}

func (f *floor) close() error {
	var errs []error
	if f.client != nil {
		errs = append(errs, f.client.close())
	}
	if f.server != nil {
		errs = append(errs, f.server.stop())
	}
	if f.db != nil {
		errs = append(errs, f.db.Close())
	}
	return errors.Join(errs...)
}

// fork runs the command and waits for its end. It ignores the context, because watching one
// would add to the floor.
func (f *floor) fork(context.Context) error { return exec.Command(f.command).Run() }

// durable is a run without an engine: one call over the network, the process, and the fewest
// commits that keep the promise. The first commit precedes the answer and the process, and
// the second precedes the report of the end.
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
