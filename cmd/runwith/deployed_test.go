package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/runwith/runwith/internal/testneed"
)

// realGcloud is gcloud for what the engine has, and a stand-in for all else.
const realGcloud = `#!/bin/sh
case "$1 $2" in
	"run jobs") PATH=${PATH#*:} exec runwith gcloud --endpoint "$ENGINE" -- "$@" ;;
esac
` + recorder

// With the real gcloud, the scripts create the job in an engine and let the invoker's
// account run it. The job runs with overrides.
func TestDeployToEngine(t *testing.T) {
	t.Parallel()
	testneed.Gcloud(t)
	const image = "us-central1-docker.pkg.dev/demo/my-repository/test-invoke-job:latest"
	s := startUp(t, t.TempDir(), "--runner", "process", "--image", image+"=runwith test-job")
	g := newSDK(t, s.url)
	w := newWorkshop(t, append(g.environment(), "PROJECT_ID=demo", "REPOSITORY=my-repository",
		"REGISTRY_REGION=us-central1", "RUNTIME_REGION=europe-west1", "ENGINE="+s.url)...)
	w.env = append(w.env, "PATH="+w.standIn+string(os.PathListSeparator)+os.Getenv("PATH"))
	w.put(t, "gcloud", realGcloud)

	if e := w.run(t, w.scripts+"/build-deploy-api.sh"); e.exit == 0 || !strings.Contains(e.stderr, "Cannot find job [test-job]") || w.calls(t) != nil {
		t.Errorf("build-deploy-api.sh without the job ends with %d, want gcloud's refusal first:\n%s", e.exit, e.stderr)
	}
	for range 2 {
		w.deploy(t, "build-deploy-job.sh")
		w.deploy(t, "build-deploy-api.sh")
	}
	g.steps(t, []step{
		{gcloud: "run jobs describe test-job --region=europe-west1 '--format=value(spec.template.spec.template.spec.containers[0].image)'", stdout: image},
		{gcloud: "run jobs describe test-job --region=europe-west1 '--format=value(spec.template.spec.template.spec.serviceAccountName)'", stdout: "test-job@demo.iam.gserviceaccount.com"},
		{gcloud: "run jobs get-iam-policy test-job --region=europe-west1 '--format=value(bindings)'",
			stdout: "{'members': ['serviceAccount:test-invoke-job-api-svc@demo.iam.gserviceaccount.com'], 'role': 'roles/run.jobsExecutorWithOverrides'}\n"},
		{gcloud: "run jobs execute test-job --region=europe-west1 --wait --args=arg-1,arg-2 --update-env-vars=ENV_1=HELLO", stderr: "has successfully completed"},
	})
}

// The service that the script deploys answers by the names that Cloud Run gives it, and
// by no other.
func TestDeployedServiceAnswers(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t, slices.Concat(variables, []string{"PROJECT_ID=demo"})...)
	calls := w.deploy(t, "build-deploy-api.sh")
	deploy := calls[len(calls)-1]
	args := strings.Split(deploy[slices.Index(deploy, "--args")+1], ",")

	up, data := startUp(t, t.TempDir(), "--runner", "process"), t.TempDir()
	s, err := startServer(exec.Command("runwith", append(args, "--endpoint", up.url, "--addr", "127.0.0.1:0", "--data", data)...), data)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	for host, want := range map[string]int{
		"test-invoke-job-api-svc-123456789012.us-east4.run.app": http.StatusAccepted,
		"test-invoke-job-api-svc-ab12cd34ef-uk.a.run.app":       http.StatusAccepted,
		"run.app.rebound.example":                               http.StatusForbidden,
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/api/v1/jobs/test-job/invocations", strings.NewReader(`{"args":["arg-1"]}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Prefer", "wait=30")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		var invocation struct{ State string }
		if err := json.Unmarshal(text, &invocation); err != nil {
			t.Fatal(err)
		}
		if done := invocation.State == "succeeded"; answer.StatusCode != want || done != (want == http.StatusAccepted) {
			t.Errorf("a call of %s is answered with %d %s, want %d", host, answer.StatusCode, text, want)
		}
	}
}

// On Cloud Run serve listens where Cloud Run calls it; elsewhere PORT says nothing.
func TestServiceAddr(t *testing.T) {
	for _, test := range []struct{ service, port, want string }{
		{"", "", "127.0.0.1:8080"},
		{"", "9000", "127.0.0.1:8080"},
		{"test-invoke-job-api-svc", "9000", "0.0.0.0:9000"},
	} {
		t.Setenv("K_SERVICE", test.service)
		t.Setenv("PORT", test.port)
		if got := newServe().Flags().Lookup("addr").Value.String(); got != test.want {
			t.Errorf("serve with K_SERVICE=%s and PORT=%s listens on %s, want %s", test.service, test.port, got, test.want)
		}
	}
}
