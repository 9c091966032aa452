// Package testneed finds the tools of the machine that some tests need. Where
// one is missing the test is skipped, unless it was said to be there: so a
// newcomer can run every test, and no check falls silent on the machine that
// must run it.
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

// Tool returns the path of the program name. If there is none in PATH, the test
// fails where [Variable] lists it, and is skipped otherwise.
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

// Missing ends a test that needs what this machine does not give, for the reason
// err: it fails where [Variable] lists what, and is skipped otherwise.
func Missing(t testing.TB, what string, err error) {
	t.Helper()
	if required(what) {
		t.Fatalf("NOT TESTED: %s requires %s: %v", Variable, what, err)
	}
	t.Skipf("NOT TESTED: this machine gives no %s; set %s=%s to fail without it: %v", what, Variable, what, err)
}

func required(name string) bool {
	return slices.ContainsFunc(strings.Split(os.Getenv(Variable), ","), func(listed string) bool {
		return strings.TrimSpace(listed) == name
	})
}

// DaemonVariable names the environment variable with the address of the Docker or
// Podman that tests may use, such as unix:///run/podman/podman.sock.
const DaemonVariable = "RUNWITH_TEST_DOCKER_HOST"

// Daemon returns the address of a Docker or Podman that listens: what
// [DaemonVariable] says, or a usual socket. Without one the test fails where
// [Variable] lists podman, and is skipped otherwise.
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
