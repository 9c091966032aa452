//go:build unix

package container

import (
	"io/fs"
	"os/user"
	"strconv"
	"syscall"
)

// accessible reports whether this process may connect to a socket: that is to write.
func accessible(path string) bool {
	const write = 2
	return syscall.Access(path, write) == nil
}

// groupOf names the group that a file belongs to.
func groupOf(info fs.FileInfo) string {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "?"
	}
	id := strconv.FormatUint(uint64(stat.Gid), 10)
	if group, err := user.LookupGroupId(id); err == nil {
		return group.Name
	}
	return id
}
