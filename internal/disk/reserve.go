package disk

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
)

const (
	// maxReserve is the size of a reserve. It is less on a small disk.
	maxReserve = 8 << 20
	// reserveShare is the share of a small disk that is a reserve.
	reserveShare = 16
)

// Reserve is a file that takes up room on a disk until the room is needed. Its methods may
// be called concurrently.
type Reserve struct {
	disk *Disk
	path string

	mu   sync.Mutex
	held bool
}

// OpenReserve returns the reserve in a file, and fills it if the disk has room. If the disk
// is so full that the owner of the reserve could not even begin, OpenReserve spends it. It
// returns no error, because a reserve that cannot be filled now is filled later.
func OpenReserve(path string) *Reserve {
	r := &Reserve{disk: Of(filepath.Dir(path)), path: path}
	r.mu.Lock()
	defer r.mu.Unlock()
	s, err := look(r.disk.dir)
	info, missing := os.Stat(path)
	switch {
	case err == nil && s.free < s.reserve():
		r.spend()
	case missing == nil && (err != nil || info.Size() >= s.reserve()):
		r.held = true
	default:
		r.fill()
	}
	return r
}

func (s space) reserve() int64 { return min(maxReserve, s.total/reserveShare) }

// Check returns RESOURCE_EXHAUSTED with [cause.DiskFull] if the disk is low, or the reserve
// is spent and there is no room to fill it again.
func (r *Reserve) Check() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held {
		return r.disk.Check()
	}
	s, err := look(r.disk.dir)
	if err != nil {
		s.total = maxReserve * reserveShare
	}
	if err := r.disk.check(s.reserve()); err != nil {
		return err
	}
	r.fill()
	return nil
}

// Size returns the size of the reserve in bytes, whether or not it is spent.
func (r *Reserve) Size() int64 {
	s, err := look(r.disk.dir)
	if err != nil {
		return maxReserve
	}
	return s.reserve()
}

// Spend gives the room of the reserve back to the disk.
func (r *Reserve) Spend() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.spend()
}

func (r *Reserve) spend() {
	_ = os.Remove(r.path) // it may be spent already
	r.held = false
}

// fill takes the room of the reserve, but only if the disk is not low then.
func (r *Reserve) fill() {
	s, err := look(r.disk.dir)
	if err != nil {
		s.total = maxReserve * reserveShare // and no check
	} else if s.free < s.headroom()+s.reserve() {
		return
	}
	if err := take(r.path, s.reserve()); err != nil {
		_ = os.Remove(r.path)
		return
	}
	r.held = true
}

// take makes a file that takes up so many bytes.
func take(path string, size int64) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err = allocate(file, size); errors.Is(err, errors.ErrUnsupported) {
		err = write(file, size)
	}
	return errors.Join(err, file.Close())
}

// write writes random bytes, because some file systems store other ones in less room.
func write(file *os.File, size int64) error {
	random, block := rand.NewChaCha8([32]byte{}), make([]byte, 64<<10)
	for at := int64(0); at < size; at += int64(len(block)) {
		_, _ = random.Read(block) // never fails
		if _, err := file.WriteAt(block[:min(int64(len(block)), size-at)], at); err != nil {
			return err
		}
	}
	return nil
}
