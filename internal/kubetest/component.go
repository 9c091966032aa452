package kubetest

import (
	"errors"
	"testing"
)

// CrashNode does to the node what a power failure does: its kubelet, containerd and containers end
// at once. Start containerd and then the kubelet to bring the node back.
func (c *Cluster) CrashNode(t testing.TB) { c.order(t, "crash", Node) }

// Kill kills a component with SIGKILL, and returns when it has ended.
func (c *Cluster) Kill(t testing.TB, component Component) { c.order(t, "kill", component) }

// Start starts a component again after [Cluster.Kill], and returns when it answers.
func (c *Cluster) Start(t testing.TB, component Component) { c.order(t, "start", component) }

// Pause stops a component, so that it neither answers nor refuses.
func (c *Cluster) Pause(t testing.TB, component Component) { c.order(t, "pause", component) }

// Resume ends a [Cluster.Pause].
func (c *Cluster) Resume(t testing.TB, component Component) { c.order(t, "resume", component) }

// order makes the cluster do something with a component.
func (c *Cluster) order(t testing.TB, verb string, component Component) {
	t.Helper()
	err := errors.New("only the cluster of StartOwn may be disturbed")
	if c.server != nil {
		err = c.server.order(verb + " " + string(component))
	}
	if err != nil {
		t.Fatalf("%s %s: %v", verb, component, err)
	}
}
