package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// The states of a document.
const (
	received   = "received"   // saved; its job may not have been started yet
	processing = "processing" // its job is with runwith
	done       = "done"       // it has a result
	failed     = "failed"     // it has an error
)

// document is one document, and what became of it.
type document struct {
	ID       string    `json:"id"`
	Tenant   string    `json:"tenant"`
	Text     string    `json:"text"`
	Received time.Time `json:"received"`

	State      string `json:"state"`
	Invocation string `json:"invocation,omitempty"` // runwith's ID
	Version    int64  `json:"version,omitempty"`    // of the invocation, in the last event
	Error      string `json:"error,omitempty"`
}

// result is what the job found in a document.
type result struct {
	Words int `json:"words"`
	Lines int `json:"lines"`
}

// folder holds the documents: TENANT/ID.json is a document, and TENANT/ID.result.json its
// result. The API alone writes the first, and the job alone writes the second. On Google
// Cloud, the folder is a bucket that both mount.
type folder string

// tenantName and documentID are what names of files are made of.
var (
	tenantName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)
	documentID = regexp.MustCompile(`^[a-z0-9]{26}$`)
)

// errNoDocument means that there is no such document.
var errNoDocument = errors.New("no such document")

func (f folder) save(d *document) error {
	return write(filepath.Join(string(f), d.Tenant, d.ID+".json"), d)
}

// document returns a document of a tenant.
func (f folder) document(tenant, id string) (*document, error) {
	d := &document{}
	return d, f.read(tenant, id, ".json", d)
}

// find returns the document with this ID, of whichever tenant.
func (f folder) find(id string) (*document, error) {
	if !documentID.MatchString(id) {
		return nil, errNoDocument
	}
	files, err := filepath.Glob(filepath.Join(string(f), "*", id+".json"))
	if err != nil || len(files) == 0 {
		return nil, errNoDocument
	}
	return f.document(filepath.Base(filepath.Dir(files[0])), id)
}

// open returns the documents whose end is not known.
func (f folder) open() (open []*document, err error) {
	files, err := filepath.Glob(filepath.Join(string(f), "*", "*.json"))
	for _, file := range files {
		id, _, _ := strings.Cut(filepath.Base(file), ".")
		if filepath.Base(file) != id+".json" {
			continue // a result
		}
		d, readErr := f.document(filepath.Base(filepath.Dir(file)), id)
		if readErr != nil {
			err = errors.Join(err, readErr)
		} else if !d.ended() {
			open = append(open, d)
		}
	}
	return open, err
}

func (d *document) ended() bool { return d.State == done || d.State == failed }

func (f folder) saveResult(tenant, id string, r result) error {
	return write(filepath.Join(string(f), tenant, id+".result.json"), r)
}

func (f folder) result(tenant, id string) (r result, err error) {
	return r, f.read(tenant, id, ".result.json", &r)
}

// read reads a file of a document. The names must have been given by this program.
func (f folder) read(tenant, id, suffix string, v any) error {
	if !tenantName.MatchString(tenant) || !documentID.MatchString(id) {
		return errNoDocument
	}
	text, err := os.ReadFile(filepath.Join(string(f), tenant, id+suffix))
	if errors.Is(err, fs.ErrNotExist) {
		return errNoDocument
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(text, v)
}

// write replaces a file at once, so that nobody reads half of one.
func write(file string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	unfinished := file + ".new"
	if err := os.WriteFile(unfinished, text, 0o600); err != nil {
		return fmt.Errorf("save: %w", err)
	}
	return os.Rename(unfinished, file)
}
