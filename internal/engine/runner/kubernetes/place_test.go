package kubernetes

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

// TestPlaceError checks which refusals of the cluster may pass, so that the task waits.
func TestPlaceError(t *testing.T) {
	t.Parallel()
	forbidden := func(message string, causes ...string) error {
		return &kube.StatusError{Code: http.StatusForbidden, Reason: "Forbidden", Message: message, Causes: causes}
	}
	for _, test := range []struct {
		name string
		err  error
		want runwith.Code
	}{
		{"no answer", errors.New("connection refused"), runwith.Unavailable},
		{"too many requests", &kube.StatusError{Code: http.StatusTooManyRequests}, runwith.Unavailable},
		{"fault of the server", &kube.StatusError{Code: http.StatusInternalServerError}, runwith.Unavailable},
		{"expired credentials", fmt.Errorf("log in again: %w", &kube.StatusError{Code: http.StatusUnauthorized}), runwith.Unavailable},
		{"quota", forbidden(`pods "a" is forbidden: exceeded quota: small, requested: pods=1, used: pods=1, limited: pods=1`), runwith.Unavailable},
		{"new quota", forbidden(`pods "a" is forbidden: status unknown for quota: small, resources: pods`), runwith.Unavailable},
		{"namespace is being deleted", forbidden(`pods "a" is forbidden: unable to create new content in namespace b because it is being terminated`, "NamespaceTerminating"), runwith.Unavailable},
		{"missing permission", forbidden(`pods is forbidden: User "a" cannot create resource "pods"`), runwith.Unavailable},
		{"API server starts", forbidden(`pods "a" is forbidden: not yet ready to handle request`), runwith.Unavailable},
		{"admission", forbidden(`pods "a" is forbidden: violates PodSecurity "restricted:latest"`), runwith.FailedPrecondition},
		{"admission webhook", &kube.StatusError{Code: http.StatusBadRequest, Message: `admission webhook "a" denied the request: no`}, runwith.FailedPrecondition},
		{"invalid Pod", &kube.StatusError{Code: http.StatusUnprocessableEntity, Reason: "Invalid"}, runwith.FailedPrecondition},
	} {
		if got := runwith.CodeOf(placeError(test.err)); got != test.want {
			t.Errorf("%s: code = %v, want %v", test.name, got, test.want)
		}
	}
}

// strayOf is a gated Pod of an attempt of the Runner.
func strayOf(r *Runner, id runner.ID) *kube.Pod {
	pod := podIn("Pending", kube.ContainerState{}, noNode, gated)
	pod.Metadata = kube.Meta{
		Name: podName(r.engine, id), UID: "1",
		Labels: map[string]string{engineLabel: r.engine}, Annotations: map[string]string{idAnnotation: id.String()},
	}
	return pod
}

// TestStrays checks when a gated Pod counts as one that no attempt has.
func TestStrays(t *testing.T) {
	t.Parallel()
	id := runner.ID{Execution: "projects/p/locations/l/jobs/j/executions/j-abcde"}
	for name, test := range map[string]struct {
		change func(r *Runner, pod *kube.Pod) (kube.EventKind, *attempt)
		want   int
	}{
		"nobody has it":     {func(*Runner, *kube.Pod) (kube.EventKind, *attempt) { return kube.Added, nil }, 1},
		"its Start goes on": {func(r *Runner, _ *kube.Pod) (kube.EventKind, *attempt) { return kube.Added, r.newAttempt(id) }, 1},
		"its attempt has it": {func(r *Runner, pod *kube.Pod) (kube.EventKind, *attempt) {
			a := r.newAttempt(id)
			a.bind(pod)
			return kube.Added, a
		}, 0},
		"its gate is open": {func(_ *Runner, pod *kube.Pod) (kube.EventKind, *attempt) {
			pod.Spec.SchedulingGates = nil
			return kube.Added, nil
		}, 0},
		"it is deleted": {func(*Runner, *kube.Pod) (kube.EventKind, *attempt) { return kube.Deleted, nil }, 0},
		"somebody else's Pod": {func(_ *Runner, pod *kube.Pod) (kube.EventKind, *attempt) {
			pod.Metadata.Annotations = nil
			return kube.Added, nil
		}, 0},
	} {
		r := &Runner{engine: "e", life: t.Context()}
		pod := strayOf(r, id)
		r.noteStray(kube.PodEvent{Kind: kube.Added, Pod: strayOf(r, id)}, nil)
		kind, a := test.change(r, pod)
		r.noteStray(kube.PodEvent{Kind: kind, Pod: pod}, a)
		if got := len(r.strays.old(0)); got != test.want {
			t.Errorf("%s: %d strays, want %d", name, got, test.want)
		}
		if got := len(r.strays.old(time.Hour)); got != 0 {
			t.Errorf("%s: %d strays are an hour old, want none", name, got)
		}
	}
}

// TestStrayIsRemovedOrPlaced checks that a stray is not removed while an attempt has its name, and
// that no attempt gets the name while it is removed.
func TestStrayIsRemovedOrPlaced(t *testing.T) {
	t.Parallel()
	var s strays
	if s.claim("pod", func() bool { return false }) {
		t.Error("claim() = true while an attempt has the name, want false")
	}
	if !s.give("pod", func() {}) {
		t.Error("give() = false before a removal, want true")
	}
	s.set("1", "pod", true)
	if !s.claim("pod", func() bool { return true }) {
		t.Error("claim() = false for a free name, want true")
	}
	if s.give("pod", func() { t.Error("an attempt got the name while its Pod is being removed") }) {
		t.Error("give() = true during a removal, want false")
	}
	s.settle("1", "pod", true)
	if !s.give("pod", func() {}) || len(s.old(0)) > 0 {
		t.Errorf("after the removal: %d strays, want none and a free name", len(s.old(0)))
	}
}
