package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
)

// TestFollowedLogGoesOn cuts the stream of a log at many places: within each event, and each
// field of one. The client goes on by itself, and loses and repeats no line.
func TestFollowedLogGoesOn(t *testing.T) {
	t.Parallel()
	s := startPrinting(t, `echo one; echo two >&2; echo '{"message":"three"}'; echo; echo five`)
	id := s.print(t)
	if _, err := s.client().Wait(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	want := followed(t, s.client(), id)
	if len(want) != 5 {
		t.Fatalf("lines = %q, want five", want)
	}
	whole := get(t, s.url+"/api/v1/invocations/"+id+"/logs?follow=true")
	for n := 1; n < len(whole); n += 61 { // without a byte, the invoker has not answered
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			c := &runwith.Client{Server: cutting(t, s.url, int64(n))}
			if diff := cmp.Diff(want, followed(t, c, id)); diff != "" {
				t.Errorf("cut behind %d bytes (-want +got):\n%s", n, diff)
			}
		})
	}
}

// followed returns the lines of a log, with their streams.
func followed(t *testing.T, c *runwith.Client, id string) (lines []string) {
	t.Helper()
	for line, err := range c.Logs(t.Context(), id, &runwith.LogsOptions{Follow: true}) {
		if err != nil {
			t.Fatalf("behind %q: %v", lines, err)
		}
		lines = append(lines, line.Stream+" "+line.Text)
	}
	return lines
}

// cutting returns the URL of a proxy that breaks the first answer behind n bytes.
func cutting(t *testing.T, to string, n int64) string {
	t.Helper()
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int32
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ErrorLog = log.New(io.Discard, "", 0) // it reports each cut
	proxy.ModifyResponse = func(r *http.Response) error {
		if asked.Add(1) == 1 {
			r.Body = brokenBody{io.LimitReader(r.Body, n), r.Body}
		}
		return nil
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Host = strings.TrimPrefix(to, "http://")
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// brokenBody is a body that breaks at its end.
type brokenBody struct {
	io.Reader
	io.Closer
}

func (b brokenBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
