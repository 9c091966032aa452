// Command documents is a small system around a long job: an API takes documents of tenants,
// starts a job for each one through runwith, is called back at its end, and shows the result.
//
//	go run ./examples/documents       # the API, and runwith up for it
//
// README.md tells what each part is for.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/runwith/runwith"
)

func main() {
	log.SetFlags(0)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	run := serve
	args := os.Args[1:]
	if len(args) > 0 && args[0] == "job" {
		run, args = job, args[1:]
	}
	if err := run(ctx, args); err != nil && !errors.Is(err, flag.ErrHelp) {
		log.Fatalf("documents: %v", err)
	}
}

// settings are what the flags and the environment say.
type settings struct {
	addr      string
	server    string // URL of the invoker; empty: start one on this machine
	serverAt  string // where that one listens
	documents string // folder of the documents; empty: one in data
	data      string // folder; empty: a temporary one
	secret    string // of callbacks; empty: a new one
	runwith   string // the program; empty: build it
	onService bool   // on Cloud Run
}

func parse(args []string) (settings, error) {
	s := settings{secret: os.Getenv("CALLBACK_SECRET"), documents: os.Getenv("DOCUMENTS"), onService: os.Getenv("K_SERVICE") != ""}
	addr := "127.0.0.1:8090"
	if s.onService { // Cloud Run says where to listen
		addr = ":" + cmp.Or(os.Getenv("PORT"), "8080")
	}
	flags := flag.NewFlagSet("documents", flag.ContinueOnError)
	flags.StringVar(&s.addr, "addr", addr, "`HOST:PORT` of the API")
	flags.StringVar(&s.server, "server", os.Getenv("RUNWITH_SERVER"), "`URL` of runwith (RUNWITH_SERVER); by default, runwith up is started here")
	flags.StringVar(&s.serverAt, "server-addr", "127.0.0.1:8080", "`HOST:PORT` for that runwith up")
	flags.StringVar(&s.data, "data", "", "`FOLDER` of documents and of runwith up; by default a temporary one, removed at the end")
	flags.StringVar(&s.runwith, "runwith", "", "runwith's `PROGRAM`; by default, it is built from this module")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if flags.NArg() > 0 {
		return s, fmt.Errorf("unknown argument %q; see --help", flags.Arg(0))
	}
	if s.server != "" && s.secret == "" {
		return s, errors.New("CALLBACK_SECRET: is required with -server; it is the secret that signs its callbacks")
	}
	return s, nil
}

// serve runs the API until ctx ends.
func serve(ctx context.Context, args []string) error {
	s, err := parse(args)
	if err != nil {
		return err
	}
	remove, err := s.folders()
	if err != nil {
		return err
	}
	defer remove()
	listener, err := net.Listen("tcp", s.addr)
	if err != nil {
		return fmt.Errorf("%w: choose another address with -addr", err)
	}
	if s.server == "" {
		local, err := startLocal(ctx, &s, "http://"+listener.Addr().String())
		if err != nil {
			return errors.Join(err, listener.Close())
		}
		defer local.stop()
	}
	client := &runwith.Client{Server: s.server}
	if s.onService {
		client.Credential = identityToken(s.server)
	}
	return serveAPI(ctx, listener, &api{folder: folder(s.documents), jobs: client, secret: s.secret})
}

// folders chooses the folders that are not set. The function it returns removes those that
// nobody has named.
func (s *settings) folders() (remove func(), err error) {
	remove = func() {}
	if s.data == "" && (s.documents == "" || s.server == "") {
		if s.data, err = os.MkdirTemp("", "documents-"); err != nil {
			return remove, err
		}
		remove = func() {
			if err := os.RemoveAll(s.data); err != nil {
				log.Printf("remove files: %v", err)
			}
		}
	}
	if s.documents == "" {
		s.documents = filepath.Join(s.data, "documents")
	}
	s.documents, err = filepath.Abs(s.documents) // the job runs in another folder
	return remove, err
}

// serveAPI serves until ctx ends, then lets open requests end.
func serveAPI(ctx context.Context, listener net.Listener, a *api) error {
	server := &http.Server{Handler: a.handler(), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	go a.sweep(ctx)
	log.Printf("documents is ready at http://%s", listener.Addr())
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return server.Shutdown(ctx)
}
