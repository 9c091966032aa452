package container

import (
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
)

// Who ended a container while its daemon was away is told by when it was seen to run,
// when it ended, and what its daemon does to containers.
func TestMayHaveEnded(t *testing.T) {
	t.Parallel()
	broke := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		endsAll, remote bool
		seen, finished  time.Duration // after the break
		code            int
		want            bool
	}{
		"docker, with any exit code":   {endsAll: true, seen: -1, finished: 1, want: true},
		"docker, before the break":     {endsAll: true, seen: -2, finished: -1},
		"docker, seen after the break": {endsAll: true, seen: 1, finished: 2, code: exitKilled},
		"docker, another clock":        {endsAll: true, remote: true, seen: -2, finished: -1, want: true},
		"podman, killed":               {seen: -1, finished: 1, code: exitKilled, want: true},
		"podman, ended":                {seen: -1, finished: 1, code: exitTerminated, want: true},
		"podman, by itself":            {seen: -1, finished: 1, code: 2},
		"podman, seen after the break": {seen: 1, finished: 2, code: exitKilled},
	} {
		d := &daemon{endsAll: test.endsAll, remote: test.remote}
		d.broke.Store(broke.UnixNano())
		at := func(n time.Duration) time.Time { return broke.Add(n * time.Second) }
		state := &container.State{ExitCode: test.code, FinishedAt: at(test.finished).Format(time.RFC3339Nano)}
		if got := d.mayHaveEnded(at(test.seen), state); got != test.want {
			t.Errorf("%s: mayHaveEnded = %t, want %t", name, got, test.want)
		}
	}
}
