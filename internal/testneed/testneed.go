// Package testneed finds the tools that some tests need, and gives all tests the time and the
// processors that they need. A test without its tool is skipped, so that a newcomer can run all
// tests. On a machine that must run the test, [Variable] lists the tool, and the test fails instead.
package testneed

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// Variable names the environment variable that lists, separated by commas, the
// tools whose absence fails a test: "chromium,podman".
const Variable = "RUNWITH_TEST_REQUIRE"

// Tool returns the path of the program name. If PATH has none, the test fails if
// [Variable] lists the program, and is skipped otherwise.
func Tool(t testing.TB, name string) (path string) {
	t.Helper()
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
	case required(name):
		t.Fatalf("NOT TESTED: %s requires %s: %v", Variable, name, err)
	default:
		t.Skipf("NOT TESTED: install %s to run this test, or set %s=%s to fail without it: %v", name, Variable, name, err)
	}
	return path
}

// GcloudVariable names the environment variable that asks for the tests of
// Google's own gcloud, when it is not empty. Each command takes gcloud about a
// second, so together they take several minutes.
const GcloudVariable = "RUNWITH_TEST_GCLOUD"

// Gcloud returns the path of gcloud. The test is skipped unless [GcloudVariable]
// asks for it, and fails if gcloud is then missing.
func Gcloud(t testing.TB) (path string) {
	t.Helper()
	if os.Getenv(GcloudVariable) == "" {
		t.Skipf("NOT TESTED: set %s=1 to run this test; all tests of gcloud take several minutes", GcloudVariable)
	}
	path, err := exec.LookPath("gcloud")
	if err != nil {
		t.Fatalf("NOT TESTED: %s asks for gcloud: %v", GcloudVariable, err)
	}
	return path
}

// LongVariable names the environment variable that asks for the long tests, when it is not
// empty: they kill servers many times, start browsers and containers, and wait for databases.
const LongVariable = "RUNWITH_TEST_LONG"

// Long skips the test unless [LongVariable] asks for it. It is the first line of a test that
// takes more than a few seconds, so that all others together take less than three minutes.
func Long(t testing.TB) {
	t.Helper()
	if os.Getenv(LongVariable) == "" {
		t.Skipf("NOT TESTED: set %s=1 to run this test; all long tests together take several minutes", LongVariable)
	}
}

// Missing ends a test whose need is not met, for the reason err: it fails if [Variable]
// lists what, and skips the test otherwise.
func Missing(t testing.TB, what string, err error) {
	t.Helper()
	if required(what) {
		t.Fatalf("NOT TESTED: %s requires %s: %v", Variable, what, err)
	}
	t.Skipf("NOT TESTED: this machine has no %s; set %s=%s to fail without it: %v", what, Variable, what, err)
}

func required(name string) bool {
	return slices.ContainsFunc(strings.Split(os.Getenv(Variable), ","), func(listed string) bool {
		return strings.TrimSpace(listed) == name
	})
}

// DaemonVariable names the environment variable with the address of the Docker or
// Podman that tests may use, such as unix:///run/podman/podman.sock.
const DaemonVariable = "RUNWITH_TEST_DOCKER_HOST"

// Daemon returns the address of a listening Docker or Podman: the value of
// [DaemonVariable], or a usual socket. Without a daemon the test fails if [Variable]
// lists podman, and is skipped otherwise.
func Daemon(t testing.TB) (host string) {
	t.Helper()
	hosts := []string{"unix:///var/run/docker.sock", "unix:///run/podman/podman.sock"}
	if host := os.Getenv(DaemonVariable); host != "" {
		hosts = []string{host}
	}
	var faults []error
	for _, host := range hosts {
		conn, err := net.Dial("unix", strings.TrimPrefix(host, "unix://"))
		if err == nil {
			_ = conn.Close()
			return host
		}
		faults = append(faults, err)
	}
	Missing(t, "podman", errors.Join(faults...))
	return ""
}

// PostgresVariable names the environment variable with the URL of a PostgreSQL that tests use
// instead of one that they start. Its role must be allowed to create databases.
const PostgresVariable = "RUNWITH_TEST_POSTGRES"

// Postgres returns the value of [PostgresVariable].
func Postgres() (address string) { return os.Getenv(PostgresVariable) }

// Environment variables of tests that need Kubernetes.
const (
	// KubeconfigVariable names a file with an administrator's credentials for a cluster that tests
	// may use.
	KubeconfigVariable = "RUNWITH_TEST_KUBECONFIG"
	// KubernetesVariable names the binary of tools/kubernetes, of which tests make clusters.
	KubernetesVariable = "RUNWITH_TEST_KUBERNETES"
)

// Kubeconfig returns the value of [KubeconfigVariable].
func Kubeconfig() (file string) { return os.Getenv(KubeconfigVariable) }

// Kubernetes returns the value of [KubernetesVariable].
func Kubernetes() (program string) { return os.Getenv(KubernetesVariable) }
