//go:build linux || darwin

package disk

import "syscall"

// look returns the space of the disk that holds a folder. Free is what an ordinary user may
// take.
func look(dir string) (space, error) {
	var s syscall.Statfs_t
	for {
		err := syscall.Statfs(dir, &s)
		if err == syscall.EINTR {
			continue
		}
		return space{free: int64(s.Bavail) * int64(s.Bsize), total: int64(s.Blocks) * int64(s.Bsize)}, err //nolint:unconvert // on macOS the sizes are other types
	}
}
