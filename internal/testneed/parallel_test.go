package testneed_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/runwith/runwith/internal/testneed"
)

// TestParallel asks child processes how many tests they run at a time.
func TestParallel(t *testing.T) {
	const child = "TESTNEED_PARALLEL_CHILD"
	if os.Getenv(child) != "" {
		testneed.Parallel(runtime.GOMAXPROCS(0) + 3)
		testneed.Parallel(1) // fewer than there are processors
		fmt.Println("parallel:", flag.Lookup("test.parallel").Value)
		return
	}
	for _, test := range []struct {
		args []string
		want int
	}{
		{nil, runtime.GOMAXPROCS(0) + 3},
		{[]string{"-test.parallel=1"}, 1},
	} {
		cmd := exec.Command(os.Args[0], append(test.args, "-test.run=^"+t.Name()+"$")...)
		cmd.Env = append(os.Environ(), child+"=1")
		said, err := cmd.CombinedOutput()
		if want := fmt.Sprintf("parallel: %d\n", test.want); err != nil || !strings.Contains(string(said), want) {
			t.Errorf("with %q it printed %q, %v, want %q", test.args, said, err, want)
		}
	}
}
