package configfile_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/runwith/runwith/internal/invoker/configfile"
)

// watched is a file that a test changes.
type watched struct {
	*configfile.Watcher
	log bytes.Buffer

	mu              sync.Mutex
	content, secret string
	missing, refuse error
	used            []*configfile.File
}

func newWatched(content string) *watched {
	w := &watched{content: content, secret: canary}
	w.Watcher = &configfile.Watcher{
		Name: "runwith.yaml",
		Content: func() (string, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.content, w.missing
		},
		Resolve: func(configfile.Secret) (string, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.secret, nil
		},
		Use: func(f *configfile.File) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.refuse == nil {
				w.used = append(w.used, f)
			}
			return w.refuse
		},
	}
	w.Logger = slog.New(slog.NewTextHandler(&w.log, nil))
	return w
}

// set changes the file, and waits until the watcher has looked.
func (w *watched) set(change func()) {
	w.mu.Lock()
	change()
	w.mu.Unlock()
	time.Sleep(configfile.DefaultInterval + time.Millisecond)
	synctest.Wait()
}

func TestWatcher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched("callbacks: [{name: a, url: https://a, secret: {file: s}}]")
		if err := w.Load(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go w.Run(ctx)
		loaded := w.State().Used

		w.set(func() {})
		if len(w.used) != 1 {
			t.Errorf("an unchanged file was used %d times, want once", len(w.used))
		}
		w.set(func() { w.secret = "changed" })
		if len(w.used) != 2 || w.used[1].Callbacks[0].Secret[0].Value() != "changed" {
			t.Errorf("a changed secret: used %d files, want a second one with the new secret", len(w.used))
		}
		w.set(func() { w.content = "jobs:\n  a: {rat: 1/min}" })
		if len(w.used) != 2 {
			t.Errorf("a mistake: used %d files, want still 2", len(w.used))
		}
		fault := w.State().Fault
		if fault == nil {
			t.Fatal("a mistake is not shown as a fault")
		}
		if place := configfile.Place(fault); place != "runwith.yaml:2:7" {
			t.Errorf("a mistake: place = %q, want runwith.yaml:2:7", place)
		}
		if used := w.State().Used; !used.After(loaded) {
			t.Errorf("a mistake: used at %v, want after the start at %v", used, loaded)
		}
		if text := w.log.String(); !strings.Contains(text, "at=runwith.yaml:2:7") || !strings.Contains(text, "did you mean rate?") {
			t.Errorf("the log has not the place of the mistake:\n%s", text)
		}
		logged := w.log.Len()
		w.set(func() {})
		if w.log.Len() != logged {
			t.Error("the same mistake was logged twice")
		}
		w.set(func() { w.missing = errors.New("no such file") })
		if len(w.used) != 2 || w.State().Fault == nil {
			t.Errorf("a missing file: used %d files, state = %+v", len(w.used), w.State())
		}
		w.set(func() { w.missing, w.content, w.refuse = nil, "jobs: {}", errors.New("callers are required") })
		if len(w.used) != 2 || w.State().Fault == nil {
			t.Errorf("a refused file: used %d files, state = %+v", len(w.used), w.State())
		}
		w.set(func() { w.refuse, w.content = nil, "jobs: {a: }" })
		if len(w.used) != 3 || w.State().Fault != nil {
			t.Errorf("a correct file: used %d files, state = %+v", len(w.used), w.State())
		}
		if strings.Contains(w.log.String(), canary) {
			t.Error("the log has a secret")
		}
	})
}

func TestLoadFails(t *testing.T) {
	w := newWatched("jobs: 1")
	if err := w.Load(); err == nil || !strings.Contains(err.Error(), "runwith.yaml:1:7: jobs: must be a mapping") {
		t.Errorf("error = %v, want the mistake", err)
	}
}
