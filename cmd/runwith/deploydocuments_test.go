package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// documentsCalls are what build-deploy-documents.sh calls the first time, as they are read
// best. The display names of accounts are left out.
const documentsCalls = `
gcloud projects describe my-project --format value(projectNumber)
gcloud iam service-accounts describe documents-job@A --project my-project --format value(email)
gcloud iam service-accounts create documents-job --project my-project --display-name
gcloud iam service-accounts describe documents-runwith@A --project my-project --format value(email)
gcloud iam service-accounts create documents-runwith --project my-project --display-name
gcloud iam service-accounts describe documents-api@A --project my-project --format value(email)
gcloud iam service-accounts create documents-api --project my-project --display-name
gcloud iam service-accounts describe documents-api@A --project my-project --format value(uniqueId)
go run -C ROOT ./deploy/images --push REPOSITORY documents
go run -C ROOT ./deploy/images --push REPOSITORY test-invoke-job-api-svc
gcloud storage buckets describe gs://my-project-documents --project my-project --format value(name)
gcloud storage buckets create gs://my-project-documents --project my-project --location us-east4 --uniform-bucket-level-access
gcloud storage buckets add-iam-policy-binding gs://my-project-documents --member serviceAccount:documents-job@A --role roles/storage.objectUser --project my-project
gcloud storage buckets add-iam-policy-binding gs://my-project-documents --member serviceAccount:documents-api@A --role roles/storage.objectUser --project my-project
gcloud secrets describe documents-callback --project my-project --format value(name)
gcloud secrets create documents-callback --project my-project --replication-policy automatic
gcloud secrets versions describe latest --secret documents-callback --project my-project
gcloud secrets versions add documents-callback --project my-project --data-file -
gcloud secrets describe documents-config --project my-project --format value(name)
gcloud secrets create documents-config --project my-project --replication-policy automatic
gcloud secrets versions add documents-config --project my-project --data-file -
gcloud secrets add-iam-policy-binding documents-callback --member serviceAccount:documents-runwith@A --role roles/secretmanager.secretAccessor --project my-project
gcloud secrets add-iam-policy-binding documents-config --member serviceAccount:documents-runwith@A --role roles/secretmanager.secretAccessor --project my-project
gcloud secrets add-iam-policy-binding documents-callback --member serviceAccount:documents-api@A --role roles/secretmanager.secretAccessor --project my-project
gcloud run jobs deploy documents --project my-project --region us-east4 --image REPOSITORY/documents:latest --service-account documents-job@A --command /documents,job --set-env-vars DOCUMENTS=/documents --add-volume VOLUME --add-volume-mount volume=documents,mount-path=/documents --max-retries 0 --task-timeout 600s
gcloud run jobs add-iam-policy-binding documents --region us-east4 --member serviceAccount:documents-runwith@A --role roles/run.jobsExecutorWithOverrides --project my-project
gcloud projects add-iam-policy-binding my-project --member serviceAccount:documents-runwith@A --role roles/run.viewer --condition None --format none
gcloud projects add-iam-policy-binding my-project --member serviceAccount:documents-runwith@A --role roles/logging.viewer --condition None --format none
gcloud run deploy documents-runwith --project my-project --region us-east4 --image REPOSITORY/test-invoke-job-api-svc:latest --service-account documents-runwith@A --args serve,--project=my-project,--region=us-east4,--store=ephemeral,--allow-host=.run.app,--config=/etc/runwith/runwith.yaml --set-secrets /etc/runwith/runwith.yaml=documents-config:latest,CALLBACK_SECRET=documents-callback:latest --no-allow-unauthenticated --no-cpu-throttling --min-instances 1 --max-instances 1 --memory 512Mi
gcloud run services add-iam-policy-binding documents-runwith --region us-east4 --member serviceAccount:documents-api@A --role roles/run.invoker --project my-project
gcloud run deploy documents --project my-project --region us-east4 --image REPOSITORY/documents:latest --service-account documents-api@A --set-env-vars DOCUMENTS=/documents,RUNWITH_SERVER=https://documents-runwith-123456789012.us-east4.run.app --set-secrets CALLBACK_SECRET=documents-callback:latest --add-volume VOLUME --add-volume-mount volume=documents,mount-path=/documents --allow-unauthenticated --max-instances 1 --memory 512Mi
`

// wantDocuments returns documentsCalls with the display names.
func (w *workshop) wantDocuments() [][]string {
	names := map[string]string{"documents-job": "the job documents", "documents-runwith": "the invoker documents-runwith", "documents-api": "the API documents"}
	text := strings.NewReplacer("@A", "@my-project.iam.gserviceaccount.com", "ROOT", filepath.Dir(w.scripts),
		"REPOSITORY", "us-central1-docker.pkg.dev/my-project/my-repository",
		"VOLUME", "name=documents,type=cloud-storage,bucket=my-project-documents,mount-options=uid=65532;gid=65532").Replace(strings.TrimSpace(documentsCalls))
	calls := spoken(strings.Split(text, "\n")...)
	for i, call := range calls {
		if strings.Contains(strings.Join(call, " "), "service-accounts create") {
			calls[i] = append(call, names[call[4]])
		}
	}
	return calls
}

// TestDeployDocuments checks the steps, and that nothing is created twice.
func TestDeployDocuments(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t, variables...)
	want := w.wantDocuments()
	if diff := cmp.Diff(want, w.deploy(t, "build-deploy-documents.sh")); diff != "" {
		t.Errorf("the script calls others (-want +got):\n%s", diff)
	}
	secret := w.made(t, "version-documents-callback")
	if !regexp.MustCompile(`^whsec_[A-Za-z0-9+/]{43}=\n$`).MatchString(secret + "\n") {
		t.Errorf("the secret of callbacks has the wrong form (%d bytes)", len(secret))
	}
	again := want
	for _, begin := range []string{"gcloud iam service-accounts create", "gcloud storage buckets create", "gcloud secrets create", "gcloud secrets versions add documents-callback", "go run"} {
		again = without(again, begin)
	}
	if diff := cmp.Diff(again, w.deploy(t, "build-deploy-documents.sh", "--no-build")); diff != "" {
		t.Errorf("again, the script calls others (-want +got):\n%s", diff)
	}
	if w.made(t, "version-documents-callback") != secret {
		t.Error("again, the script changes the secret of callbacks")
	}
}

// made returns a file that the stand-in has written.
func (w *workshop) made(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(w.standIn, "made-"+name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestDeployedDocuments starts serve as the script deploys it, with the configuration that the
// script writes. Only the API's service account may start the job.
func TestDeployedDocuments(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t, slices.Concat(variables, []string{"PROJECT_ID=demo"})...)
	calls := w.deploy(t, "build-deploy-documents.sh")
	config := filepath.Join(t.TempDir(), "runwith.yaml")
	if err := os.WriteFile(config, []byte(w.made(t, "version-documents-config")), 0o600); err != nil {
		t.Fatal(err)
	}
	up, data := startUp(t, t.TempDir(), "--runner", "process", "--job", documentsJob(t)), t.TempDir()
	deploy := calls[slices.IndexFunc(calls, func(call []string) bool {
		return slices.Contains(call, "documents-runwith") && slices.Contains(call, "--args")
	})]
	args := strings.Split(strings.ReplaceAll(deploy[slices.Index(deploy, "--args")+1], "/etc/runwith/runwith.yaml", config), ",")
	serve := exec.Command("runwith", append(args, "--endpoint", up.url, "--addr", "127.0.0.1:0", "--data", data)...)
	serve.Env = append(os.Environ(), "K_SERVICE=documents-runwith", "CALLBACK_SECRET="+w.made(t, "version-documents-callback"))
	s, err := startServer(serve, data)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	const url = "https://documents-runwith-123456789012.us-east4.run.app"
	body := `{"parameters":{"tenant":"acme","document":"` + strings.Repeat("a", 26) + `"}}`
	for name, test := range map[string]struct {
		subject, audience, body string
		status                  int
	}{
		"the API":          {"106123456789012345678", url, body, http.StatusAccepted},
		"another account":  {"206123456789012345678", url, body, http.StatusUnauthorized},
		"another audience": {"106123456789012345678", "https://other.example", body, http.StatusUnauthorized},
		"a bad tenant":     {"106123456789012345678", url, strings.Replace(body, "acme", "--acme", 1), http.StatusUnprocessableEntity},
		"arguments":        {"106123456789012345678", url, `{"args":["--tenant=acme"]}`, http.StatusForbidden},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/api/v1/jobs/documents/invocations", strings.NewReader(test.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+strippedToken(t, test.subject, test.audience))
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != test.status {
			t.Errorf("%s: the answer is %d, want %d", name, answer.StatusCode, test.status)
		}
	}
	for i, err := range up.client().Invocations(t.Context(), nil) {
		t.Errorf("up has the invocation %+v, %v, want those of serve at serve alone", i, err)
	}
}

// documentsJob is the job of the example, as the engine gets it.
func documentsJob(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "documents.yaml")
	job := "name: documents\ntemplate: {template: {containers: [{image: test-job}]}}"
	if err := os.WriteFile(file, []byte(job), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// strippedToken is an ID token as a service behind Cloud Run's own check gets it: without its
// signature.
func strippedToken(t *testing.T, subject, audience string) string {
	t.Helper()
	part := func(v map[string]any) string {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	now := time.Now().Unix()
	return fmt.Sprintf("%s.%s.SIGNATURE_REMOVED_BY_GOOGLE", part(map[string]any{"alg": "RS256", "kid": "k", "typ": "JWT"}),
		part(map[string]any{"iss": "https://accounts.google.com", "sub": subject, "azp": subject, "aud": audience, "iat": now, "exp": now + 3600}))
}
