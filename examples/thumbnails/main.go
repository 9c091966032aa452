// Command thumbnails makes a thumbnail of each picture that arrives in a bucket: Cloud Storage's
// event starts a job through runwith.
//
//	go run ./examples/thumbnails              # with pictures that it draws
//	go run ./examples/thumbnails cat.jpg      # with yours
//
// It starts runwith up on this machine, and a folder stands in for the bucket. README.md describes
// each part, and the commands for Google Cloud.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	log.SetFlags(0)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	run, args := show, os.Args[1:]
	if len(args) > 0 && args[0] == "job" {
		run, args = job, args[1:]
	}
	if err := run(ctx, args); err != nil && !errors.Is(err, flag.ErrHelp) {
		log.Fatalf("thumbnails: %v", err)
	}
}

// settings are the flags.
type settings struct {
	addr     string   // of runwith up
	data     string   // folder; empty: a temporary one
	runwith  string   // the program; empty: build it
	pictures []string // files to upload; empty: drawn ones
}

func parse(args []string) (s settings, err error) {
	flags := flag.NewFlagSet("thumbnails", flag.ContinueOnError)
	flags.StringVar(&s.addr, "addr", "127.0.0.1:8080", "`HOST:PORT` for runwith up")
	flags.StringVar(&s.data, "data", "", "`FOLDER` of the buckets and of runwith up; by default a temporary one, removed at the end")
	flags.StringVar(&s.runwith, "runwith", "", "runwith's `PROGRAM`; by default, it is built from this module")
	err = flags.Parse(args)
	s.pictures = flags.Args()
	return s, err
}

// show uploads pictures, and shows what becomes of each.
func show(ctx context.Context, args []string) (err error) {
	s, err := parse(args)
	if err != nil {
		return err
	}
	if s.data == "" {
		if s.data, err = os.MkdirTemp("", "thumbnails-"); err != nil {
			return err
		}
		defer os.RemoveAll(s.data) //nolint:errcheck // it is a temporary folder
	}
	if s.data, err = filepath.Abs(s.data); err != nil { // the job runs in another folder
		return err
	}
	local, err := startLocal(ctx, s)
	if err != nil {
		return err
	}
	defer local.Stop()
	b, err := openBucket(filepath.Join(s.data, "buckets"), "pictures", local.URL)
	if err != nil {
		return err
	}
	return story(ctx, b, s.pictures)
}

// story uploads pictures, repeats the first event, and uploads a file that is no picture.
func story(ctx context.Context, b *bucket, pictures []string) error {
	objects, err := read(pictures)
	if err != nil {
		return err
	}
	for _, o := range objects {
		if err := b.upload(ctx, o); err != nil {
			return err
		}
	}
	fmt.Println("\nThe first event again, as Eventarc repeats one whose answer was lost:")
	if err := b.announce(ctx, objects[0]); err != nil {
		return err
	}
	fmt.Println("\nAn object that is no picture:")
	return b.upload(ctx, &object{Name: "notes.txt", content: []byte("buy milk")})
}
