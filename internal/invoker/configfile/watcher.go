package configfile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"log/slog"
	"sync"
	"time"
)

// DefaultInterval is how often a [Watcher] looks for a new version.
const DefaultInterval = 2 * time.Second

// Watcher reads a file again when its content changes, or that of a secret it refers to. It
// compares contents, because mounted files change without an event and often without a new
// time. A version with mistakes is reported, and the one before stays in use.
//
// Load must return before Run; State may be called at any time.
type Watcher struct {
	// Name is that of the file, for errors.
	Name string
	// Content returns the content of the file.
	Content func() (string, error)
	// Resolve returns the secrets of the file.
	Resolve Resolver
	// Use puts a file to use as a whole. If it returns an error, nothing has changed.
	Use func(*File) error
	// Logger logs new versions, and mistakes with their line and column. Required.
	Logger *slog.Logger
	// Interval is the time between two looks. 0 is DefaultInterval.
	Interval time.Duration

	version string // of what was read last, also if it has mistakes
	content string // that it had
	secrets []Secret

	mu    sync.Mutex
	state State
}

// State is what a [Watcher] uses.
type State struct {
	// Used is when the version in use was read.
	Used time.Time
	// Fault is why the newest version is not in use; nil if it is.
	Fault error
}

// State returns the version in use, and the fault of a newer one.
func (w *Watcher) State() State {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state
}

// Load reads the file for the first time. Its error means that no version is in use.
func (w *Watcher) Load() error {
	_, err := w.look()
	return err
}

// Run looks for new versions until ctx is done.
func (w *Watcher) Run(ctx context.Context) {
	interval := w.Interval
	if interval == 0 {
		interval = DefaultInterval
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		switch changed, err := w.look(); {
		case !changed:
		case err != nil:
			w.report(ctx, err)
		default:
			w.Logger.InfoContext(ctx, "configuration was read again, and its new version is in use", "file", w.Name)
		}
	}
}

// look reads the file, and puts it to use if it has changed.
func (w *Watcher) look() (changed bool, err error) {
	file, version, err := w.read()
	if version == w.version {
		return false, w.State().Fault
	}
	w.version = version
	if err == nil {
		err = w.Use(file)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.state.Fault = err; err == nil {
		w.state.Used = time.Now()
	}
	return true, err
}

// read returns the file, and its version: a hash of the content, of the secrets, and of what
// could not be read.
func (w *Watcher) read() (file *File, version string, err error) {
	content, err := w.Content()
	if err != nil {
		return nil, "unreadable: " + err.Error(), err
	}
	v := newVersion(w.Resolve, content)
	if content == w.content { // reading it again would only cost time
		for _, s := range w.secrets {
			_, _ = v.resolve(s) // the version has the error
		}
		if same := v.sum(); same == w.version {
			return nil, same, nil
		}
		v = newVersion(w.Resolve, content)
	}
	file, err = Read(w.Name, content, v.resolve)
	w.content, w.secrets = content, v.secrets
	return file, v.sum(), err
}

// version is a hash of a content and its secrets.
type version struct {
	hash    hash.Hash
	from    Resolver
	secrets []Secret // that were resolved
}

func newVersion(from Resolver, content string) *version {
	v := &version{hash: sha256.New(), from: from}
	v.note(content)
	return v
}

func (v *version) note(part string) { _, _ = fmt.Fprintf(v.hash, "%d:%s", len(part), part) } // a hash takes all

// resolve resolves a secret and notes the result.
func (v *version) resolve(s Secret) (string, error) {
	v.secrets = append(v.secrets, s)
	value, err := v.from(s)
	v.note(value)
	if err != nil {
		v.note(err.Error())
	}
	return value, err
}

func (v *version) sum() string { return hex.EncodeToString(v.hash.Sum(nil)) }

// maxReported is how many mistakes of one version are logged.
const maxReported = 20

// report logs every mistake of a new version.
func (w *Watcher) report(ctx context.Context, err error) {
	faults, ok := errors.AsType[*FaultsError](err)
	if !ok {
		w.Logger.ErrorContext(ctx, "configuration cannot be used, so the version before stays in use", "file", w.Name, "error", err)
		return
	}
	w.Logger.ErrorContext(ctx, "configuration has mistakes, so the version before stays in use", "file", w.Name, "mistakes", len(faults.List))
	for i, f := range faults.List {
		if i == maxReported {
			return
		}
		w.Logger.ErrorContext(ctx, "mistake in the configuration", "at", fmt.Sprintf("%s:%d:%d", w.Name, f.Line, f.Column), "path", f.Path, "mistake", f.Text)
	}
}

// Place returns the file, line and column of the first mistake in an error, such as
// runwith.yaml:3:5, or "" if the error names no place.
func Place(err error) string {
	faults, ok := errors.AsType[*FaultsError](err)
	if !ok || len(faults.List) == 0 {
		return ""
	}
	return fmt.Sprintf("%s:%d:%d", faults.File, faults.List[0].Line, faults.List[0].Column)
}
