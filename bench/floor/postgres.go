package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// connections is how many connections to PostgreSQL the floor has, as many as runwith.
const connections = 16

// servePostgres serves the acceptance of a request that PostgreSQL keeps, until ctx ends.
func servePostgres(ctx context.Context, url string) (err error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return err
	}
	config.MaxConns = connections
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return err
	}
	defer pool.Close()
	if _, err := pool.Exec(ctx, `CREATE TABLE requests (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, message bytea NOT NULL)`); err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/", func(w http.ResponseWriter, r *http.Request) { acceptPostgres(w, r, pool) })
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	fmt.Fprintln(os.Stderr, "floor is ready at", listener.Addr())
	select {
	case err = <-served:
	case <-ctx.Done():
	}
	return errors.Join(err, server.Close())
}

// acceptPostgres answers 202 when the request is in PostgreSQL: one statement and its commit.
func acceptPostgres(w http.ResponseWriter, r *http.Request, pool *pgxpool.Pool) {
	var id int64
	err := pool.QueryRow(r.Context(), `INSERT INTO requests (message) VALUES ($1) RETURNING id`, make([]byte, record)).Scan(&id)
	answerAccepted(w, id, err)
}
