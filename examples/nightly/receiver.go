package main

import (
	"crypto/rand"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/runwith/runwith"
)

// receiver receives callbacks on this machine.
type receiver struct {
	url      string
	received chan string // what each event says
	secret   string
	server   *http.Server
}

// receive starts a receiver, and writes its secret into a file.
func receive(file string) (*receiver, error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // it never fails
	r := &receiver{secret: "whsec_" + base64.StdEncoding.EncodeToString(key), received: make(chan string, 10)}
	if err := os.WriteFile(file, []byte(r.secret), 0o600); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r.url = "http://" + listener.Addr().String() + "/"
	r.server = &http.Server{Handler: r, ReadTimeout: 10 * time.Second}
	go func() { _ = r.server.Serve(listener) }() // until close
	return r, nil
}

// ServeHTTP takes an event that is signed with the secret.
func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(io.LimitReader(q.Body, 1<<20))
	if err != nil {
		return
	}
	event, err := runwith.VerifyCallback(q.Header, body, r.secret)
	if err != nil {
		http.Error(w, err.Error(), runwith.CodeOf(err).HTTPStatus())
		return
	}
	select {
	case r.received <- string(event.Type) + " of job " + event.Data.Job:
	default: // nobody looks any more
	}
}

func (r *receiver) close() { _ = r.server.Close() }
