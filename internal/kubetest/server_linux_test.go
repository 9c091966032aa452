package kubetest_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/kubetest"
)

// victim names the environment variable that makes this program the test to kill.
const victim = "RUNWITH_TEST_VICTIM"

// TestClusterEndsWithAKilledTest kills a test while a Pod of its cluster runs.
func TestClusterEndsWithAKilledTest(t *testing.T) {
	t.Parallel()
	if os.Getenv(victim) != "" {
		c := kubetest.StartOwn(t, kubetest.Options{})
		n := c.Namespace(t)
		n.Kubectl(t, "run", "stays", "--image="+kubetest.Shell, "--restart=Never", "--command", "--", "sleep", "1000")
		n.Kubectl(t, "wait", "--for=condition=Ready", "--timeout=2m", "pod/stays")
		fmt.Println("folder", filepath.Dir(c.Kubeconfig))
		<-t.Context().Done()
	}
	kubetest.Use(t) // the test is skipped without Kubernetes
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), victim+"=1", "TMPDIR="+t.TempDir())
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Wait()
	defer child.Process.Kill()
	folder := ""
	for lines := bufio.NewScanner(out); folder == "" && lines.Scan(); {
		folder, _ = strings.CutPrefix(lines.Text(), "folder ")
		if folder == lines.Text() {
			folder = ""
		}
	}
	if folder == "" {
		t.Fatal("the child printed no folder")
	}

	child.Process.Kill()
	eventually.True(t, "the folder of the cluster is gone", func() bool {
		_, err := os.Stat(folder)
		return os.IsNotExist(err)
	})
	left, err := filepath.Glob("/sys/fs/cgroup/*/" + filepath.Base(folder))
	if err != nil || len(left) > 0 {
		t.Errorf("control groups after the end of the test = %v, %v, want none", left, err)
	}
}
