// Package disk measures the free space on the disk of a data folder, and keeps a part of it
// in reserve for the changes that must always be possible.
//
// Three bounds protect a server from a full disk:
//
//   - Below the headroom, [Disk.Check] fails. Then nothing new begins, and output of tasks
//     is no longer kept.
//   - Above it, everything works.
//   - A [Reserve] is a file that takes up room. Deleting it makes room, even if other
//     programs have filled the disk.
package disk

import (
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cause"
)

const (
	// maxHeadroom is the free space below which a disk is low. It is less on a small disk.
	maxHeadroom = 32 << 20
	// headroomShare is the share of a small disk that is its headroom.
	headroomShare = 8
	// lookEvery is how long a look at the disk counts. A look costs about as much as
	// writing a line.
	lookEvery = 10 * time.Millisecond
)

// Disk is the disk that holds a folder. Its methods may be called concurrently.
type Disk struct {
	dir   string
	began time.Time

	looked atomic.Int64 // when, since began; 0 before the first look
	low    atomic.Bool
}

// Of returns the disk that holds a folder. It does no I/O.
func Of(dir string) *Disk { return &Disk{dir: dir, began: time.Now()} }

// space is the size of a disk in bytes.
type space struct{ free, total int64 }

func (s space) headroom() int64 { return min(maxHeadroom, s.total/headroomShare) }

// Low reports whether the free space is below the headroom, or was a moment ago. It
// reports false if the free space is unknown.
func (d *Disk) Low() bool {
	now := int64(time.Since(d.began)) + 1
	if looked := d.looked.Load(); looked == 0 || now-looked > int64(lookEvery) {
		d.low.Store(d.Check() != nil)
		d.looked.Store(now)
	}
	return d.low.Load()
}

// Missing returns how many bytes must become free until twice the headroom is free, which
// leaves room for reserves. It is 0 if so much is free.
func (d *Disk) Missing() int64 {
	s, err := look(d.dir)
	if err != nil {
		return 0
	}
	return max(0, 2*s.headroom()-s.free)
}

// Free describes the free space for people; empty if it is unknown.
func (d *Disk) Free() string {
	s, err := look(d.dir)
	if err != nil {
		return ""
	}
	if s.free >= 10<<30 {
		return fmt.Sprintf("%d GiB", s.free>>30)
	}
	return size(s.free)
}

// Check returns RESOURCE_EXHAUSTED with [cause.DiskFull] if the disk is low.
func (d *Disk) Check() error { return d.check(0) }

// check is Check for a caller that is about to take more bytes of the disk.
func (d *Disk) check(more int64) error {
	s, err := look(d.dir)
	if err != nil || s.free >= s.headroom()+more {
		return nil //nolint:nilerr // a disk of unknown free space counts as not full
	}
	return &runwith.Error{Code: runwith.ResourceExhausted, Err: cause.DiskFull, Message: fmt.Sprintf(
		"the disk that holds %s is almost full: %s are free, and runwith starts nothing below %s; free some space, or delete executions",
		d.dir, size(s.free), size(s.headroom()+more))}
}

func size(bytes int64) string {
	if bytes < 1<<20 {
		return fmt.Sprintf("%d KiB", bytes>>10)
	}
	return fmt.Sprintf("%d MiB", bytes>>20)
}

// Full reports whether err means that a write found no room on the disk, or none that
// this user may take.
func Full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
