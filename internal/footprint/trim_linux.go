package footprint

import (
	"bufio"
	"bytes"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// Trim unmaps the pages of the program's file from this process, for as long as nothing needs
// them. A start touches nearly every part of a program once, because each package is initialized,
// and the kernel maps 64 KiB around each page that is touched. The pages stay in the kernel's cache
// of files, so the next use maps them again and reads nothing.
//
// Trim needs Linux and a mounted /proc. It does nothing elsewhere.
func Trim() {
	b, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return
	}
	for _, m := range mappings(b) {
		if m.asInFile() {
			// If it fails, the pages stay.
			_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, uintptr(m.start), uintptr(m.end-m.start), syscall.MADV_DONTNEED)
		}
	}
}

// mapping is a part of the address space.
type mapping struct {
	start, end uint64
	perms      string // such as r-xp: read, execute, private
	inode      uint64 // 0: no file
	anonymous  int    // size of the pages that differ from the file, in KiB
}

// asInFile reports whether all pages are as in a file, and stay so.
func (m mapping) asInFile() bool {
	return m.inode != 0 && m.anonymous == 0 && strings.HasPrefix(m.perms, "r-") && strings.HasSuffix(m.perms, "p")
}

// mappings parses the text of /proc/PID/smaps: a line for each mapping, and behind it a line for
// each of its properties. See https://man7.org/linux/man-pages/man5/proc_pid_smaps.5.html.
func mappings(smaps []byte) (all []mapping) {
	for lines := bufio.NewScanner(bytes.NewReader(smaps)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 {
			continue
		}
		if len(all) > 0 && fields[0] == "Anonymous:" {
			all[len(all)-1].anonymous, _ = strconv.Atoi(fields[1])
		}
		from, to, isRange := strings.Cut(fields[0], "-")
		if !isRange || len(fields) < 5 {
			continue
		}
		m := mapping{perms: fields[1], anonymous: -1} // unknown
		m.start, _ = strconv.ParseUint(from, 16, 64)
		m.end, _ = strconv.ParseUint(to, 16, 64)
		m.inode, _ = strconv.ParseUint(fields[4], 10, 64)
		all = append(all, m)
	}
	return all
}
