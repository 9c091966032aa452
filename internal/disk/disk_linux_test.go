package disk_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cause"
	"github.com/runwith/runwith/internal/disk"
	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/testneed"
)

func TestLowDisk(t *testing.T) {
	t.Parallel()
	dir, fill, empty := testneed.SmallDisk(t)
	d := disk.Of(dir)
	if err := d.Check(); err != nil || d.Low() || d.Missing() == 4<<20 {
		t.Errorf("an empty disk: Check() = %v, Low() = %v, Missing() = %d", err, d.Low(), d.Missing())
	}
	fill()
	err := d.Check()
	if runwith.CodeOf(err) != runwith.ResourceExhausted || cause.KindOf(err) != cause.DiskFull || !strings.Contains(err.Error(), dir) {
		t.Errorf("a full disk: Check() = %v, want RESOURCE_EXHAUSTED with the folder", err)
	}
	eventually.True(t, "the disk is low", d.Low)
	if d.Missing() == 0 {
		t.Error("a full disk: Missing() = 0")
	}
	empty()
	eventually.True(t, "the disk is not low", func() bool { return !d.Low() })
}

func TestReserveMakesRoomOnAFullDisk(t *testing.T) {
	t.Parallel()
	dir, fill, empty := testneed.SmallDisk(t)
	path := filepath.Join(dir, "n.reserve")
	r := disk.OpenReserve(path)
	if err := r.Check(); err != nil {
		t.Fatalf("an empty disk: Check() = %v", err)
	}
	fill()
	block := make([]byte, 64<<10)
	if err := os.WriteFile(filepath.Join(dir, "change"), block, 0o600); !disk.Full(err) {
		t.Fatalf("write to a full disk = %v, want no room", err)
	}
	r.Spend()
	if err := os.WriteFile(filepath.Join(dir, "change"), block, 0o600); err != nil {
		t.Errorf("write after Spend = %v, want no error", err)
	}
	if err := r.Check(); cause.KindOf(err) != cause.DiskFull {
		t.Errorf("Check() without reserve = %v, want the full disk", err)
	}
	empty()
	if err := r.Check(); err != nil {
		t.Errorf("Check() after the disk was emptied = %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		t.Errorf("the reserve after the disk was emptied: %v, want it filled", err)
	}
}

// A server that starts on a full disk gets the reserve of the server before it.
func TestOpenReserveOnAFullDisk(t *testing.T) {
	t.Parallel()
	dir, fill, _ := testneed.SmallDisk(t)
	path := filepath.Join(dir, "n.reserve")
	disk.OpenReserve(path)
	fill()
	r := disk.OpenReserve(path)
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the reserve on a full disk: %v, want it spent", err)
	}
	if err := r.Check(); cause.KindOf(err) != cause.DiskFull {
		t.Errorf("Check() = %v, want the full disk", err)
	}
}
