package footprint

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestOnlyPagesAsInTheFile parses a kernel's description of a program, and checks which parts of it
// may go.
func TestOnlyPagesAsInTheFile(t *testing.T) {
	t.Parallel()
	const smaps = `00400000-00401000 r-xp 00000000 fe:00 42                                 /usr/bin/runwith with a space
Size:                  4 kB
Rss:                   4 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me
00401000-00403000 r--p 00001000 fe:00 42                                 /usr/bin/runwith
Anonymous:             8 kB
00403000-00404000 rw-p 00003000 fe:00 42                                 /usr/bin/runwith
Anonymous:             0 kB
00404000-00405000 r--s 00000000 fe:00 43                                 /var/lib/runwith/engine.db
Anonymous:             0 kB
00405000-00406000 r--p 00000000 00:00 0
Anonymous:             0 kB
00406000-00407000 r--p 00000000 fe:00 44                                 /usr/bin/anonymous-is-unknown
7fff00000000-7fff00001000 r-xp 00000000 00:00 0                          [vdso]
Anonymous:             0 kB
`
	var got []string
	for _, m := range mappings([]byte(smaps)) {
		if m.asInFile() {
			got = append(got, strconv.FormatUint(m.start, 16)+"-"+strconv.FormatUint(m.end, 16))
		}
	}
	if diff := cmp.Diff([]string{"400000-401000"}, got); diff != "" {
		t.Errorf("mappings that may go (-want +got):\n%s", diff)
	}
}

// TestTrim checks that pages of this program are mapped no more, and that it goes on.
func TestTrim(t *testing.T) { //nolint:paralleltest // other tests map pages
	before := ofFiles(t)
	Trim()
	if after := ofFiles(t); after >= before {
		t.Errorf("pages of files take %d KiB, want less than the %d KiB before", after, before)
	}
}

// ofFiles returns the resident memory of this process that belongs to files, in KiB.
func ofFiles(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "RssFile:")
	n, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}
