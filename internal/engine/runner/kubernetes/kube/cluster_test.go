package kube_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
	"github.com/runwith/runwith/internal/kubetest"
)

// cluster returns a client of a real cluster. The test has a namespace of its own.
func cluster(t *testing.T) *kube.Client {
	t.Helper()
	return connect(t, kube.Options{Kubeconfig: kubetest.Use(t).Namespace(t).Kubeconfig, Environ: os.Environ(), Rate: -1})
}

// gated returns a Pod that never runs, with a label of the test.
func gated(name, label string) []byte {
	return fmt.Appendf(nil, `{"metadata":{"name":%q,"labels":{"test":%q}},"spec":{"schedulingGates":[{"name":"example.com/test"}],
		"containers":[{"name":"main","image":"none.example/none"}]}}`, name, label)
}

// unique returns a name that no earlier test had.
func unique(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("kube-%d", time.Now().UnixNano())
}

func TestClusterWatch(t *testing.T) {
	t.Parallel()
	c, label := cluster(t), unique(t)
	create := func(name string) *kube.Pod {
		t.Helper()
		pod, err := c.CreatePod(t.Context(), gated(name, label))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.DeletePod(context.Background(), name, pod.Metadata.UID, 0) })
		return pod
	}
	first := create(label + "-a")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var events []string
	c.WatchPods(ctx, "test="+label, func(e kube.PodEvent) {
		if e.Kind == kube.Synced {
			events = append(events, "SYNCED")
			create(label + "-b")
			return
		}
		if e.Kind == kube.Modified {
			return // the controllers write the status when they like
		}
		name := strings.TrimPrefix(e.Pod.Metadata.Name, label)
		events = append(events, string(e.Kind)+name)
		switch {
		case e.Kind == kube.Added && name == "-b":
			if err := c.DeletePod(ctx, first.Metadata.Name, first.Metadata.UID, 0); err != nil {
				t.Error(err)
			}
		case e.Kind == kube.Deleted:
			cancel()
		}
	})
	if diff := cmp.Diff([]string{"ADDED-a", "SYNCED", "ADDED-b", "DELETED-a"}, events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestClusterLease(t *testing.T) {
	t.Parallel()
	c, name, ctx := cluster(t), unique(t), t.Context()
	now := kube.MicroTime{Time: time.Now().Truncate(time.Microsecond)}
	made, err := c.CreateLease(ctx, &kube.Lease{Metadata: kube.Meta{Name: name}, Spec: kube.LeaseSpec{
		HolderIdentity: new("me"), LeaseDurationSeconds: new(int32(15)), AcquireTime: now, RenewTime: now}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateLease(ctx, made); err == nil {
		t.Error("CreateLease() of a name that is taken = nil, want an error")
	}
	changed := *made
	changed.Spec.HolderIdentity = new("you")
	if _, err := c.UpdateLease(ctx, &changed); err != nil {
		t.Fatal(err)
	}
	if _, err := c.UpdateLease(ctx, made); !kube.IsConflict(err) {
		t.Errorf("UpdateLease() of an old version = %v, want a conflict", err)
	}
	got, err := c.GetLease(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	if *got.Spec.HolderIdentity != "you" || !got.Spec.RenewTime.Equal(now.Time) {
		t.Errorf("GetLease() = held by %s since %v, want you and %v", *got.Spec.HolderIdentity, got.Spec.RenewTime, now)
	}
}

func TestClusterDoctor(t *testing.T) {
	t.Parallel()
	c, ctx := cluster(t), t.Context()
	if v, err := c.Version(ctx); err != nil || v.Major != "1" {
		t.Errorf("Version() = %+v, %v", v, err)
	}
	if allowed, _, err := c.CanI(ctx, kube.Access{Verb: "create", Resource: "pods"}); err != nil || !allowed {
		t.Errorf("CanI(create pods) = %t, %v, want true", allowed, err)
	}
	if _, err := c.Quotas(ctx); err != nil && !kube.IsForbidden(err) {
		t.Error(err)
	}
	name := unique(t)
	if pod, err := c.TryPod(ctx, gated(name, name)); err != nil || pod.Metadata.Name != name {
		t.Errorf("TryPod() = %v, %v", pod.Metadata.Name, err)
	}
	if _, err := c.GetPod(ctx, name); !kube.IsNotFound(err) {
		t.Errorf("GetPod() after TryPod = %v, want not found", err)
	}
}
