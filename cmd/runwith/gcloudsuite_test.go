package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mattn/go-shellwords"

	"github.com/runwith/runwith/internal/testneed"
)

// sdk is Google's gcloud, run by runwith gcloud against a server, with settings of
// its own.
type sdk struct {
	server *server
	dir    string // where its files are, and its settings
}

// step is a command of gcloud's, and what must come of it.
type step struct {
	gcloud string // the arguments, as a shell reads them
	exit   int
	stdout string // what is in the output, beside more; empty looks for nothing
	stderr string
}

// end is how a command has ended.
type end struct {
	exit           int
	stdout, stderr string
}

// newSDK finds gcloud, or skips the test.
func newSDK(t *testing.T, s *server) *sdk {
	t.Helper()
	testneed.Tool(t, "gcloud")
	return &sdk{server: s, dir: t.TempDir()}
}

// run runs one command of gcloud's to its end.
func (g *sdk) run(t *testing.T, args ...string) end {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.Command("runwith", append([]string{"gcloud", "--endpoint", g.server.url, "--"}, args...)...)
	cmd.Dir, cmd.Env = g.dir, g.environment()
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if err != nil && !ok {
		t.Fatalf("gcloud %q: %v", args, err)
	}
	e := end{stdout: stdout.String(), stderr: stderr.String()}
	if ok {
		e.exit = exit.ExitCode()
	}
	return e
}

// environment has settings of its own, and proxies that must not matter.
func (g *sdk) environment() []string {
	const nobody = "http://127.0.0.1:9"
	return append(os.Environ(), "CLOUDSDK_CONFIG="+filepath.Join(g.dir, "settings"), "CLOUDSDK_CORE_DISABLE_PROMPTS=true",
		"NO_PROXY=*", "no_proxy=localhost", "http_proxy="+nobody, "HTTP_PROXY="+nobody, "https_proxy="+nobody, "ALL_PROXY="+nobody)
}

// steps runs commands one after the other, up to the first that ends otherwise than
// it must.
func (g *sdk) steps(t *testing.T, steps []step) {
	t.Helper()
	for _, s := range steps {
		args, err := shellwords.Parse(s.gcloud)
		if err != nil {
			t.Fatalf("gcloud %s: %v", s.gcloud, err)
		}
		got := g.run(t, args...)
		if got.exit != s.exit || !strings.Contains(got.stdout, s.stdout) || !strings.Contains(got.stderr, s.stderr) {
			t.Fatalf("gcloud %s\nexit code %d, want %d\n-- stdout, want %q --\n%s\n-- stderr, want %q --\n%s",
				s.gcloud, got.exit, s.exit, s.stdout, got.stdout, s.stderr, got.stderr)
		}
	}
}

// write writes a file that a command reads.
func (g *sdk) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(g.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// gcloud, as it is installed here, does its work against the engine, and ends and
// speaks as it does at Google. It takes about a second for each command: hence the
// groups beside each other.
func TestGcloudItself(t *testing.T) {
	t.Parallel()
	testneed.Tool(t, "gcloud")
	s := startUp(t, t.TempDir())
	for name, group := range map[string]func(*testing.T, *sdk){
		"policies":   gcloudPolicies,
		"neighbours": gcloudNeighbours,
		"shell":      gcloudInShell,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			group(t, newSDK(t, s))
		})
	}
}

// gcloudPolicies are the IAM commands. gcloud sends back the etag that it has read.
func gcloudPolicies(t *testing.T, g *sdk) {
	const (
		ann = "--member=user:ann@example.com --role=roles/run.invoker"
		bob = "--member=group:ops@example.com --role=roles/run.viewer"
	)
	g.write(t, "stale.json", `{"bindings":[{"role":"roles/run.invoker","members":["allUsers"]}],"etag":"ACAB"}`)
	g.write(t, "policy.json", `{"bindings":[{"role":"roles/run.invoker","members":["allUsers"]}],"version":1}`)
	g.write(t, "role.json", `{"bindings":[{"role":"invoker","members":["allUsers"]}]}`)
	g.steps(t, []step{
		{gcloud: "run jobs get-iam-policy test-job", stdout: "etag: ACAB\n"},
		{gcloud: "run jobs add-iam-policy-binding test-job " + ann, stdout: "- members:\n  - user:ann@example.com\n  role: roles/run.invoker\n",
			stderr: "Updated IAM policy for job [test-job]."},
		{gcloud: "beta run jobs add-iam-policy-binding test-job " + bob, stdout: "  role: roles/run.viewer\n"},
		{gcloud: "run jobs get-iam-policy test-job --flatten=bindings --filter=bindings.role:viewer '--format=value(bindings.members)'", stdout: "group:ops@example.com"},
		{gcloud: "run jobs remove-iam-policy-binding test-job " + ann, stdout: "bindings:\n- members:\n  - group:ops@example.com\n",
			stderr: "Updated IAM policy for job [test-job]."},
		{gcloud: "run jobs remove-iam-policy-binding test-job " + ann, exit: 1, stderr: "Policy binding with the specified principal and role not found!"},
		{gcloud: "run jobs set-iam-policy test-job stale.json", exit: 1, stderr: "ERROR: (gcloud.run.jobs.set-iam-policy) ABORTED: policy.etag: "},
		{gcloud: "run jobs set-iam-policy test-job role.json", exit: 1, stderr: "INVALID_ARGUMENT: policy.bindings[0].role: must be roles/ROLE"},
		{gcloud: "run jobs set-iam-policy test-job policy.json", stdout: "- members:\n  - allUsers\n", stderr: "Updated IAM policy for job [test-job]."},
		{gcloud: "run jobs get-iam-policy test-job '--format=value(bindings.role)'", stdout: "roles/run.invoker"},
		{gcloud: "run jobs get-iam-policy none", exit: 1, stderr: "NOT_FOUND: job projects/demo/locations/us-east4/jobs/none does not exist"},
		{gcloud: "run jobs get-iam-policy test-job --region=europe-west1", exit: 1, stderr: "NOT_FOUND: job projects/demo/locations/europe-west1/jobs/test-job"},
	})
}

// gcloudNeighbours are the commands that ask nothing but Google's other APIs.
func gcloudNeighbours(t *testing.T, g *sdk) {
	g.steps(t, []step{
		{gcloud: "run regions list", stdout: "\nus-east4\n"},
		{gcloud: "projects describe demo '--format=value(projectNumber)'", stdout: "123456789012\n"},
		{gcloud: "services list", exit: 1, stderr: "is not emulated on this machine"},
	})
}

// A shell that runwith env has set up has a gcloud that does the same.
func gcloudInShell(t *testing.T, g *sdk) {
	cmd := exec.Command("sh", "-ec", `eval "$(runwith env --project shop)"; gcloud projects describe shop`)
	cmd.Dir, cmd.Stderr = g.dir, t.Output()
	cmd.Env = append(g.environment(), "RUNWITH_ENDPOINT="+g.server.url, "SHELL=/bin/sh")
	if output, err := cmd.Output(); err != nil || !strings.Contains(string(output), "projectId: shop\n") {
		t.Errorf("gcloud in a shell ends with %v and prints %q, want the project", err, output)
	}
}
