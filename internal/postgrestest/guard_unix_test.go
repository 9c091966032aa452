//go:build unix

package postgrestest_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/postgrestest"
	"github.com/runwith/runwith/internal/testneed"
)

// victim names the environment variable that makes this program the test to kill.
const victim = "RUNWITH_TEST_VICTIM"

func TestServerEndsWithAKilledTest(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	if os.Getenv(victim) != "" {
		fmt.Println("server", postgrestest.Start(t, postgrestest.Options{}).Database(t))
		<-t.Context().Done()
	}
	postgrestest.Start(t, postgrestest.Options{}) // the test is skipped without PostgreSQL
	folder := t.TempDir()
	if err := errors.Join(os.Chmod(filepath.Dir(folder), 0o711), os.Chmod(folder, 0o711)); err != nil {
		t.Fatal(err)
	}
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), victim+"=1", "TMPDIR="+folder)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Wait()
	defer child.Process.Kill()
	server := serverOf(t, bufio.NewScanner(out))
	if conn, err := net.Dial("tcp", server); err != nil {
		t.Fatalf("the child's server: %v", err)
	} else {
		conn.Close()
	}

	child.Process.Kill()
	eventually.True(t, "the server's folder is gone", func() bool {
		left, err := os.ReadDir(folder)
		return err == nil && len(left) == 0
	})
	if conn, err := net.Dial("tcp", server); err == nil {
		conn.Close()
		t.Error("the server still listens")
	}
}

// serverOf returns the address that the child prints.
func serverOf(t *testing.T, lines *bufio.Scanner) string {
	t.Helper()
	for lines.Scan() {
		if address, found := strings.CutPrefix(lines.Text(), "server "); found {
			u, err := url.Parse(address)
			if err != nil {
				t.Fatal(err)
			}
			return u.Host
		}
	}
	t.Fatal("the child printed no address")
	return ""
}
