package skewtest_test

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/runwith/runwith/internal/skewtest"
)

func TestClockIsWrong(t *testing.T) {
	t.Parallel()
	program := skewtest.Build(t, "./testdata/clock")
	for _, skew := range []time.Duration{0, 10 * time.Minute, -10 * time.Minute} {
		t.Run(skew.String(), func(t *testing.T) {
			clock := exec.Command(program)
			clock.Env = append(os.Environ(), skewtest.Variable+"="+skew.String())
			before := time.Now()
			out, err := clock.Output()
			after := time.Now()
			if err != nil {
				t.Fatal(err)
			}
			var nanoseconds int64
			var pause time.Duration
			if _, err := fmt.Sscan(string(out), &nanoseconds, &pause); err != nil {
				t.Fatal(err)
			}
			if said := time.Unix(0, nanoseconds).Add(-skew); said.Before(before) || said.After(after) {
				t.Errorf("the program was run from %v to %v, and its clock said %v more than %v", before, after, skew, said)
			}
			if pause < 0 || pause > after.Sub(before) {
				t.Errorf("a pause took %v by the program's clock, want at most %v", pause, after.Sub(before))
			}
		})
	}
}
