package main

import (
	"bytes"
	"errors"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mattn/go-shellwords"

	"github.com/runwith/runwith/internal/engine/conformance/discovery"
	"github.com/runwith/runwith/internal/testneed"
)

// sdk is Google's gcloud, run by runwith gcloud against a server, with settings of
// its own.
type sdk struct {
	url  string // of the server
	dir  string // where its files are, and its settings
	kept map[string]string
}

// step is a gcloud command and its expected result. $NAME in a text stands for the
// output that an earlier step kept under that name.
type step struct {
	gcloud string // the arguments, as a shell reads them
	exit   int
	stdout string // what is in the output, beside more; empty looks for nothing
	stderr string
	none   bool   // the output must be empty
	keep   string // the name under which the output is kept
}

// end is how a command has ended.
type end struct {
	exit           int
	stdout, stderr string
}

// newSDK finds gcloud, or skips the test.
func newSDK(t *testing.T, url string) *sdk {
	t.Helper()
	testneed.Gcloud(t)
	return &sdk{url: url, dir: t.TempDir(), kept: map[string]string{}}
}

// run runs one command of gcloud's to its end.
func (g *sdk) run(t *testing.T, args ...string) end {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.Command("runwith", append([]string{"gcloud", "--endpoint", g.url, "--"}, args...)...)
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

// environment has settings of its own, and proxies that must not matter. A terminal
// that can do nothing gets texts without colours.
func (g *sdk) environment() []string {
	const nobody = "http://127.0.0.1:9"
	return append(os.Environ(), "CLOUDSDK_CONFIG="+filepath.Join(g.dir, "settings"), "CLOUDSDK_CORE_DISABLE_PROMPTS=true",
		"TERM=dumb", "NO_PROXY=*", "no_proxy=localhost", "http_proxy="+nobody, "HTTP_PROXY="+nobody, "https_proxy="+nobody, "ALL_PROXY="+nobody)
}

// steps runs commands one after the other, up to the first that ends otherwise than
// it must.
func (g *sdk) steps(t *testing.T, steps []step) {
	t.Helper()
	for _, s := range steps {
		s.gcloud, s.stdout, s.stderr = g.filled(s.gcloud), g.filled(s.stdout), g.filled(s.stderr)
		args, err := shellwords.Parse(s.gcloud)
		if err != nil {
			t.Fatalf("gcloud %s: %v", s.gcloud, err)
		}
		got := g.run(t, args...)
		if !s.met(got) {
			t.Fatalf("gcloud %s\nexit code %d, want %d\n-- stdout, want %q --\n%s\n-- stderr, want %q --\n%s",
				s.gcloud, got.exit, s.exit, s.stdout, got.stdout, s.stderr, got.stderr)
		}
		if s.keep != "" {
			g.kept[s.keep] = strings.TrimSpace(got.stdout)
		}
	}
}

// met reports whether a command has ended as it must.
func (s step) met(got end) bool {
	return got.exit == s.exit && strings.Contains(narrow(got.stdout), narrow(s.stdout)) && strings.Contains(got.stderr, s.stderr) &&
		(!s.none || got.stdout == "")
}

// narrow returns a text with columns of no width: gcloud's depend on their longest word.
func narrow(text string) string { return wide.ReplaceAllString(text, " ") }

var wide = regexp.MustCompile(` {2,}`)

// filled replaces $NAME in a text by the output kept under that name.
func (g *sdk) filled(text string) string {
	return os.Expand(text, func(name string) string {
		if value, ok := g.kept[name]; ok {
			return value
		}
		return "$" + name // a job's own
	})
}

// write writes a file that a command reads.
func (g *sdk) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(g.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// watched puts a watch in front of a server, which holds what gcloud is answered to
// Google's discovery documents.
func watched(t *testing.T, s *server) (watch *discovery.Watch, at string) {
	t.Helper()
	target, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	watch = discovery.NewWatch(t, &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // names the region
	}})
	front := httptest.NewServer(watch)
	t.Cleanup(front.Close)
	return watch, front.URL
}

// gcloudMethods are what gcloud's commands for jobs call of Cloud Run.
var gcloudMethods = []string{
	"run.namespaces.executions.cancel", "run.namespaces.executions.delete", "run.namespaces.executions.get", "run.namespaces.executions.list",
	"run.namespaces.jobs.create", "run.namespaces.jobs.delete", "run.namespaces.jobs.get", "run.namespaces.jobs.list",
	"run.namespaces.jobs.replaceJob", "run.namespaces.jobs.run",
	"run.namespaces.tasks.get", "run.namespaces.tasks.list",
	"run.projects.locations.jobs.getIamPolicy", "run.projects.locations.jobs.setIamPolicy", "run.projects.locations.list",
}

// The installed gcloud works against the engine as it does against Google, with the same
// exit codes and texts. Every answer conforms to Google's discovery documents. Each
// command takes about a second, so the groups run in parallel.
func TestGcloudItself(t *testing.T) {
	t.Parallel()
	testneed.Gcloud(t)
	watch, at := watched(t, startUp(t, t.TempDir(), "--runner", "process"))
	t.Run("groups", func(t *testing.T) {
		for name, group := range map[string]func(*testing.T, *sdk){
			"policies":    gcloudPolicies,
			"neighbours":  gcloudNeighbours,
			"shell":       gcloudInShell,
			"jobs":        gcloudJobs,
			"all flags":   gcloudFlags,
			"files":       gcloudFiles,
			"structures":  gcloudStructures,
			"deploy":      gcloudDeploy,
			"regions":     gcloudRegions,
			"overrides":   gcloudOverrides,
			"success":     gcloudSuccess,
			"failure":     gcloudFailure,
			"timeout":     gcloudTimeout,
			"retry":       gcloudRetry,
			"cancel":      gcloudCancel,
			"deletion":    gcloudDeletion,
			"containers":  gcloudContainers,
			"not on here": gcloudRefusals,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				group(t, newSDK(t, at))
			})
		}
	})
	for _, method := range gcloudMethods {
		if !t.Failed() && !slices.Contains(watch.Seen(), method) {
			t.Errorf("gcloud has called %q, and not %s", watch.Seen(), method)
		}
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
		{gcloud: "run jobs get-iam-policy none", exit: 1, stderr: "NOT_FOUND: Resource 'none' of kind 'JOB' in region 'us-east4' in project 'demo' does not exist."},
		{gcloud: "run jobs get-iam-policy test-job --region=europe-west1", exit: 1, stderr: "NOT_FOUND: Resource 'test-job' of kind 'JOB' in region 'europe-west1'"},
	})
}

// gcloudNeighbours are the commands that ask nothing but Google's other APIs.
func gcloudNeighbours(t *testing.T, g *sdk) {
	g.steps(t, []step{
		{gcloud: "run regions list", stdout: "\nus-east4\n"},
		{gcloud: "projects describe demo '--format=value(projectNumber)'", stdout: "123456789012\n"},
		{gcloud: "services enable run.googleapis.com", none: true},
		{gcloud: "services enable run.googleapis.com logging.googleapis.com", none: true},
		{gcloud: "services enable run.googleapis.com cloudbuild.googleapis.com", exit: 1, stderr: `service "cloudbuild.googleapis.com" is not emulated`},
		{gcloud: "services list '--format=value(config.name)'", stdout: "logging.googleapis.com\nrun.googleapis.com\n"},
		{gcloud: "services disable run.googleapis.com", exit: 1, stderr: "is not emulated on this machine"},
	})
}

// A shell that runwith env has set up has a gcloud that does the same.
func gcloudInShell(t *testing.T, g *sdk) {
	cmd := exec.Command("sh", "-ec", `eval "$(runwith env --project shop)"; gcloud projects describe shop`)
	cmd.Dir, cmd.Stderr = g.dir, t.Output()
	cmd.Env = append(g.environment(), "RUNWITH_ENDPOINT="+g.url, "SHELL=/bin/sh")
	if output, err := cmd.Output(); err != nil || !strings.Contains(string(output), "projectId: shop\n") {
		t.Errorf("gcloud in a shell ends with %v and prints %q, want the project", err, output)
	}
}
