package kube

import (
	"os"
	"sync"
	"time"
)

// source is a value, or the file that holds it. A file is read again when it has changed,
// because what mounts credentials also renews them. A source may be used concurrently.
type source struct {
	data []byte
	path string // empty for a value

	mu      sync.Mutex
	changed time.Time
	size    int64
}

// read returns the value. The caller must not change it.
func (s *source) read() ([]byte, error) {
	if s.path == "" {
		return s.data, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	info, err := os.Stat(s.path)
	if err != nil {
		return nil, err
	}
	if s.data != nil && info.ModTime().Equal(s.changed) && info.Size() == s.size {
		return s.data, nil
	}
	data, err := os.ReadFile(s.path)
	if err != nil {
		return nil, err
	}
	s.data, s.changed, s.size = data, info.ModTime(), info.Size()
	return data, nil
}

// forget makes the next read read the file again. It reports whether there is a file.
func (s *source) forget() bool {
	if s == nil || s.path == "" {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data = nil
	return true
}

// newSource returns the source of a value or, if that is empty, of a file. It is nil if both
// are empty.
func newSource(data []byte, path string) *source {
	switch {
	case len(data) > 0:
		return &source{data: data}
	case path != "":
		return &source{path: path}
	}
	return nil
}
