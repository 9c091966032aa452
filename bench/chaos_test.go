package main

import (
	"strings"
	"testing"

	"github.com/runwith/runwith/internal/postgrestest"
	"github.com/runwith/runwith/internal/testneed"
)

// TestChaos is the short form of `go run ./bench chaos`.
func TestChaos(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	needProcesses(t)
	data := t.TempDir()
	var out strings.Builder
	err := execute(t.Context(), []string{"chaos", "-n", "60", "-clients", "4", "-kills", "6", "-engine-kills", "1", "-data", data}, &out, t.Output())
	if err != nil || !strings.Contains(out.String(), ": 0 faults") || !strings.Contains(out.String(), "60 accepted, 60 ran, 60 executions, 60 ends heard in ") {
		t.Errorf("chaos = %v\n%s", err, out.String())
	}
	wantEmpty(t, data)
}

func TestChaosUsage(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"-n 0", "-clients 0", "-kills -1", "-settle 1ms", "more", "-nonsense"} {
		var errs strings.Builder
		if err := execute(t.Context(), append([]string{"chaos"}, strings.Fields(args)...), &errs, &errs); err == nil || errs.Len() == 0 {
			t.Errorf("chaos %s = %v and %q, want it refused", args, err, errs.String())
		}
	}
}

// TestChaosByRedelivery is the short form of `go run ./bench chaos -push -n 5000 -kills 50`.
func TestChaosByRedelivery(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	needProcesses(t)
	data := t.TempDir()
	var out strings.Builder
	err := execute(t.Context(), []string{"chaos", "-push", "-n", "60", "-clients", "4", "-kills", "6", "-engine-kills", "1", "-data", data}, &out, t.Output())
	if err != nil || !strings.Contains(out.String(), ": 0 faults") || !strings.Contains(out.String(), "60 accepted, 60 ran, 60 executions, 60 ends heard in ") {
		t.Errorf("chaos = %v\n%s", err, out.String())
	}
	wantEmpty(t, data)
}

// TestChaosOfReplicas is the short form of `go run ./bench chaos -replicas 3 -n 5000 -kills 50`. It
// does not run beside other tests: the more a machine has to do, the more the three replicas and their
// database have to repeat.
//
//nolint:paralleltest // see above
func TestChaosOfReplicas(t *testing.T) {
	testneed.Long(t)
	needProcesses(t)
	postgrestest.Database(t) // or skip
	data := t.TempDir()
	var out strings.Builder
	err := execute(t.Context(), []string{"chaos", "-replicas", "3", "-n", "60", "-clients", "4", "-kills", "3", "-engine-kills", "1", "-store-kills", "1", "-data", data}, &out, t.Output())
	if err != nil || !strings.Contains(out.String(), ": 0 faults") {
		t.Errorf("chaos = %v\n%s", err, out.String())
	}
	wantEmpty(t, data)
}
