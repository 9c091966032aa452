package testjob_test

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith/internal/testjob"
)

func TestRun(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		args    []string
		environ []string
		stdout  string
		stderr  string
		slept   time.Duration
		code    int
	}{
		{
			name:    "variables sorted by name, then arguments in their order",
			args:    []string{"arg-2", "arg-1"},
			environ: []string{"ENV_2=WORLD", "ENV_1=HELLO"},
			stdout:  "ENV_1 = HELLO\nENV_2 = WORLD\n  ARG: arg-2\n  ARG: arg-1\n",
		},
		{name: "nothing given"},
		{
			name:    "sorted by name, not by line",
			environ: []string{"A_B=1", "A=2"},
			stdout:  "A = 2\nA_B = 1\n",
		},
		{
			name:    "values that are empty or contain =",
			args:    []string{""},
			environ: []string{"EMPTY=", "SUM=1+1=2"},
			stdout:  "EMPTY = \nSUM = 1+1=2\n  ARG: \n",
		},
		{
			name:    "folders of Windows drives are ignored",
			environ: []string{`=C:=C:\work`, "A=1"},
			stdout:  "A = 1\n",
		},
		{name: "FAIL", environ: []string{"FAIL=7"}, stdout: "FAIL = 7\n", code: 7},
		{name: "FAIL=0", environ: []string{"FAIL=0"}, stdout: "FAIL = 0\n"},
		{name: "SLEEP", environ: []string{"SLEEP=2s"}, stdout: "SLEEP = 2s\n", slept: 2 * time.Second},
		{
			name: "SLEEP and FAIL", environ: []string{"SLEEP=1m", "FAIL=255"},
			stdout: "FAIL = 255\nSLEEP = 1m\n", slept: time.Minute, code: 255,
		},
		{name: "empty SLEEP and FAIL", environ: []string{"FAIL=", "SLEEP="}, stdout: "FAIL = \nSLEEP = \n"},
		{
			name: "FAIL is not a number", environ: []string{"FAIL=yes"},
			stderr: "test-job: FAIL: \"yes\" is not an exit code from 0 to 255\n", code: 2,
		},
		{
			name: "FAIL is not an exit code", environ: []string{"FAIL=256"},
			stderr: "test-job: FAIL: \"256\" is not an exit code from 0 to 255\n", code: 2,
		},
		{
			name: "SLEEP without a unit", environ: []string{"SLEEP=2"},
			stderr: "test-job: SLEEP: \"2\" is not a duration of zero or more, such as 2s\n", code: 2,
		},
		{
			name: "SLEEP below zero", environ: []string{"SLEEP=-2s"},
			stderr: "test-job: SLEEP: \"-2s\" is not a duration of zero or more, such as 2s\n", code: 2,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr strings.Builder
			var slept time.Duration
			code := testjob.Run(tt.args, tt.environ, &stdout, &stderr, func(d time.Duration) {
				slept += d
				if stdout.String() != tt.stdout {
					t.Errorf("stdout before the wait = %q, want %q", stdout.String(), tt.stdout)
				}
			})
			if code != tt.code {
				t.Errorf("Run(%q, %q) = %d, want %d", tt.args, tt.environ, code, tt.code)
			}
			if slept != tt.slept {
				t.Errorf("slept %v, want %v", slept, tt.slept)
			}
			if diff := cmp.Diff(tt.stdout, stdout.String()); diff != "" {
				t.Errorf("stdout (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.stderr, stderr.String()); diff != "" {
				t.Errorf("stderr (-want +got):\n%s", diff)
			}
		})
	}
}

type closedPipe struct{}

func (closedPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestRunReportsPrintError(t *testing.T) {
	t.Parallel()
	var stderr strings.Builder
	code := testjob.Run(nil, []string{"A=1"}, closedPipe{}, &stderr, func(time.Duration) {})
	if code != 1 {
		t.Errorf("Run = %d, want 1", code)
	}
	if want := "test-job: print: " + io.ErrClosedPipe.Error() + "\n"; stderr.String() != want {
		t.Errorf("stderr = %q, want %q", stderr.String(), want)
	}
}
