package kubernetes

import (
	"testing"
	"time"

	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

// TestVanish checks that a Pod which vanishes while only its sidecars run has the result of its
// main container, and that a Pod whose main container may have run is lost.
func TestVanish(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		pod  *kube.Pod
		want phase
	}{
		"runs":                              {podIn("Running", running(), sidecar(running())), lost},
		"waits":                             {podIn("Pending", waiting(reasonCreating, "")), lost},
		"succeeded":                         {podIn("Running", terminated(0, "Completed"), sidecar(running())), ended},
		"failed":                            {podIn("Running", terminated(7, "Error"), sidecar(running())), ended},
		"failed before it was deleted":      {podIn("Running", ran(time.Minute, 7), sidecar(running()), deletedAfter(time.Hour)), ended},
		"succeeded despite a disruption":    {podIn("Running", terminated(0, "Completed"), sidecar(running()), disrupt), ended},
		"failed in a disruption":            {podIn("Running", terminated(143, "Error"), sidecar(running()), disrupt), lost},
		"failed after it was deleted":       {podIn("Running", ran(time.Hour, 143), sidecar(running()), deletedAfter(time.Hour)), lost},
		"its containerd forgot it":          {podIn("Running", terminated(255, reasonNotKnown), sidecar(running())), lost},
		"its command is not there":          {podIn("Running", terminated(128, reasonStartError), sidecar(running())), broken},
		"ended, and its sidecars ended too": {podIn("Failed", terminated(7, "Error"), sidecar(terminated(0, ""))), ended},
	} {
		r := &Runner{life: t.Context()}
		a := r.newAttempt(runner.ID{Execution: "e"})
		a.bind(test.pod)
		a.vanish(a.podUID())
		if v, _ := a.now(); v.phase != test.want || !v.over || !v.gone {
			t.Errorf("%s: phase = %v, over = %v, gone = %v; want phase %v, over and gone", name, v.phase, v.over, v.gone, test.want)
		}
	}
}
