package doctor_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/iam/apiv1/iampb"
	"cloud.google.com/go/run/apiv2/runpb"
	"golang.org/x/oauth2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/runwith/runwith/internal/invoker/callback"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
	"github.com/runwith/runwith/internal/invoker/configfile"
	"github.com/runwith/runwith/internal/invoker/doctor"
	"github.com/runwith/runwith/internal/invoker/store/sqlite"
	"github.com/runwith/runwith/internal/jobspec"
	wire "github.com/runwith/runwith/internal/server"
)

// cloud is a Cloud Run with one job, whose permissions and logs a test decides.
type cloud struct {
	runpb.UnimplementedJobsServer
	granted   []string
	list, log codes.Code
	date      time.Time // of its answers; zero: the true one
}

func (c *cloud) GetJob(_ context.Context, r *runpb.GetJobRequest) (*runpb.Job, error) {
	if !strings.HasSuffix(r.Name, "/nightly") {
		return nil, status.Error(codes.NotFound, "no such job")
	}
	return &runpb.Job{Name: r.Name}, nil
}

func (c *cloud) ListJobs(context.Context, *runpb.ListJobsRequest) (*runpb.ListJobsResponse, error) {
	if c.list != codes.OK {
		return nil, status.Error(c.list, "why")
	}
	return &runpb.ListJobsResponse{Jobs: []*runpb.Job{{Name: "projects/demo/locations/us-east4/jobs/nightly"}}}, nil
}

func (c *cloud) TestIamPermissions(_ context.Context, r *iampb.TestIamPermissionsRequest) (*iampb.TestIamPermissionsResponse, error) {
	return &iampb.TestIamPermissionsResponse{Permissions: slices.DeleteFunc(r.Permissions, func(p string) bool {
		return !slices.Contains(c.granted, p)
	})}, nil
}

// serve returns the URL of the Cloud Run.
func (c *cloud) serve(t *testing.T) string {
	t.Helper()
	calls := grpc.NewServer()
	runpb.RegisterJobsServer(calls, c)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := wire.HTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !c.date.IsZero() {
			w.Header().Set("Date", c.date.UTC().Format(http.TimeFormat))
		}
		switch {
		case strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc"):
			calls.ServeHTTP(w, r)
		case r.URL.Path == "/v2/entries:list" && c.log == codes.PermissionDenied:
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"error":{"code":403,"status":"PERMISSION_DENIED","message":"no"}}`)
		case r.URL.Path == "/v2/entries:list":
			fmt.Fprint(w, `{}`)
		}
	}), slog.New(slog.DiscardHandler))
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return "http://" + l.Addr().String()
}

// sound is an installation without a problem.
func sound(t *testing.T, c *cloud) doctor.Config {
	t.Helper()
	if c.granted == nil {
		c.granted = cloudrun.Permissions()
	}
	url := c.serve(t)
	return doctor.Config{
		CloudRun: cloudrun.Config{Endpoint: url, Project: "demo", Region: "us-east4"},
		Home: func(context.Context) (jobspec.Location, error) {
			return jobspec.Location{Project: "demo", Region: "us-east4"}, nil
		},
		Data: t.TempDir(), Version: "v1", HTTP: &http.Client{Timeout: time.Minute},
	}
}

// examine returns the lines about a check, each with its status.
func examine(t *testing.T, c doctor.Config, check string) (lines []string) {
	t.Helper()
	doctor.Examine(t.Context(), c, func(f doctor.Finding) {
		if strings.Contains(f.Subject+f.Text, "\n") {
			t.Errorf("the finding %q has several lines", f.Text)
		}
		if f.Check == check {
			lines = append(lines, fmt.Sprintf("%s %s: %s", f.Status, f.Subject, f.Text))
		}
	})
	return lines
}

// wants checks that there is one line about a check, which begins and contains so.
func wants(t *testing.T, c doctor.Config, check, begin, contain string) {
	t.Helper()
	lines := examine(t, c, check)
	if len(lines) != 1 || !strings.HasPrefix(lines[0], begin) || !strings.Contains(lines[0], contain) {
		t.Errorf("%s = %q, want one line that begins with %q and has %q", check, lines, begin, contain)
	}
}

func file(t *testing.T, text string) *configfile.File {
	t.Helper()
	f, err := configfile.Read("runwith.yaml", text, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestSound(t *testing.T) {
	t.Parallel()
	c := sound(t, &cloud{})
	c.File, c.FilePath = file(t, "jobs: {nightly: {}}"), "runwith.yaml"
	path := filepath.Join(c.Data, "invoker.db")
	c.Stores = []doctor.Store{{Name: path, Examine: func(ctx context.Context) (string, error) { return sqlite.Examine(ctx, path) }}}
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	checks := map[string]bool{}
	doctor.Examine(t.Context(), c, func(f doctor.Finding) {
		checks[f.Check] = true
		if f.Status != doctor.OK {
			t.Errorf("finding = %+v, want it ok", f)
		}
	})
	for _, check := range []string{"config", "store", "disk", "clock", "token", "project", "job", "logs"} {
		if !checks[check] {
			t.Errorf("nothing was found about %s", check)
		}
	}
}

func TestStoreFaults(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err          error
		begin, holds string
	}{
		{fs.ErrNotExist, "ok ", "the first start creates it"},
		{errors.New("file is not a database"), "problem ", "not a database"},
	} {
		c := sound(t, &cloud{})
		c.Stores = []doctor.Store{{Name: "invoker.db", Examine: func(context.Context) (string, error) { return "", test.err }}}
		wants(t, c, "store", test.begin, test.holds)
	}
}

func TestConfigFaults(t *testing.T) {
	t.Parallel()
	c := sound(t, &cloud{})
	_, c.FileError = configfile.Read("runwith.yaml", "jobs: {nightly: {rat: 1}}\ncallers: 7", nil)
	lines := examine(t, c, "config")
	if len(lines) != 2 || !strings.Contains(lines[0], "1:18") || !strings.Contains(lines[1], "2:10") {
		t.Errorf("config = %q, want both faults with their places", lines)
	}
	c.FileError = fs.ErrNotExist
	wants(t, c, "config", "problem ", "not exist")
}

func TestClock(t *testing.T) {
	t.Parallel()
	for off, want := range map[time.Duration]string{0: "ok ", time.Hour: "behind", -time.Hour: "ahead of"} {
		c := &cloud{}
		if off != 0 {
			c.date = time.Now().Add(off)
		}
		if lines := examine(t, sound(t, c), "clock"); len(lines) != 1 || !strings.Contains(lines[0], want) {
			t.Errorf("with a clock that is off by %v: %q, want %q", off, lines, want)
		}
	}
}

func TestCloudRunFaults(t *testing.T) {
	t.Parallel()
	few := []string{"run.jobs.get", "run.jobs.run"}
	wants(t, sound(t, &cloud{granted: few}), "job", "problem nightly: the credential lacks run.jobs.runWithOverrides, run.executions.get", "roles/run.jobsExecutorWithOverrides")
	wants(t, sound(t, &cloud{log: codes.PermissionDenied}), "logs", "problem demo: the credential lacks logging.logEntries.list", "roles/logging.viewer")
	wants(t, sound(t, &cloud{list: codes.InvalidArgument}), "project", "problem demo, us-east4: ", "INVALID_ARGUMENT")
	wants(t, sound(t, &cloud{list: codes.PermissionDenied}), "project", "ok ", "")

	gone := sound(t, &cloud{})
	gone.File = file(t, "jobs: {other: {}, renamed: {cloudRun: projects/demo/locations/us-east4/jobs/nightly}}")
	lines := examine(t, gone, "job")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "problem other: other does not exist in http://") || !strings.HasPrefix(lines[1], "ok renamed: ") {
		t.Errorf("job = %q, want one that is missing and one that exists", lines)
	}

	elsewhere := sound(t, &cloud{})
	elsewhere.CloudRun.Region = "europe-west1"
	wants(t, elsewhere, "project", "problem demo, europe-west1: ", "give --project demo --region us-east4")

	down := sound(t, &cloud{})
	down.CloudRun.Endpoint = "http://127.0.0.1:1"
	down.Home = func(context.Context) (jobspec.Location, error) {
		return jobspec.Location{}, errors.New("connection refused")
	}
	wants(t, down, "project", "problem ", "start it, or correct --endpoint")
	wants(t, down, "clock", "skipped ", "does not answer")

	unset := sound(t, &cloud{})
	unset.CloudRun.Project = ""
	wants(t, unset, "project", "problem ", "give --project, or set RUNWITH_PROJECT")
	unset.CloudRun.Region = ""
	wants(t, unset, "project", "problem ", "give --project and --region, or set RUNWITH_PROJECT and RUNWITH_REGION")
}

// noToken is a credential that gives no token.
type noToken struct{}

func (noToken) Token() (*oauth2.Token, error) { return nil, errors.New("no token") }

// TestEveryCheckHasALine checks that a check that cannot be made is skipped, not left out.
func TestEveryCheckHasALine(t *testing.T) {
	t.Parallel()
	noCredential, down, unset := sound(t, &cloud{}), sound(t, &cloud{}), sound(t, &cloud{})
	noCredential.CloudRun.Token = noToken{}
	down.Home = func(context.Context) (jobspec.Location, error) {
		return jobspec.Location{}, errors.New("connection refused")
	}
	unset.CloudRun.Project = ""
	unlisted, empty := sound(t, &cloud{list: codes.PermissionDenied}), sound(t, &cloud{})
	empty.File = file(t, "jobs: {}")
	damaged := sound(t, &cloud{})
	damaged.FileError = fs.ErrNotExist
	for name, c := range map[string]doctor.Config{
		"no credential": noCredential, "down": down, "unset": unset, "jobs not listed": unlisted, "no jobs": empty, "damaged file": damaged,
	} {
		for _, check := range []string{"config", "token", "project", "job", "logs"} {
			if lines := examine(t, c, check); len(lines) != 1 {
				t.Errorf("%s: %s = %q, want one line", name, check, lines)
			}
		}
	}
	wants(t, noCredential, "project", "skipped ", "cannot be called")
	wants(t, noCredential, "logs", "skipped ", "cannot be called")
	wants(t, down, "job", "skipped ", "cannot be called")
	wants(t, unset, "logs", "skipped ", "cannot be called")
	wants(t, damaged, "callback", "skipped ", "the configuration file cannot be used")
}

// Without credentials for Google, the check says how to get some. The machine of the test
// must not have any, so its home is an empty folder.
func TestNoCredentials(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	t.Setenv("CLOUDSDK_CONFIG", t.TempDir())
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", filepath.Join(t.TempDir(), "missing.json"))
	c := doctor.Config{CloudRun: cloudrun.Config{Project: "demo", Region: "us-east4"}, HTTP: &http.Client{Transport: unreachable{}}}
	wants(t, c, "token", "problem ", "GOOGLE_APPLICATION_CREDENTIALS must name a file")
}

// unreachable is a network without a way out.
type unreachable struct{}

func (unreachable) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("no network")
}

func TestIssuers(t *testing.T) {
	t.Parallel()
	var named string
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/.well-known/openid-configuration" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": named})
	}))
	t.Cleanup(issuer.Close)
	c := sound(t, &cloud{})
	c.File = file(t, fmt.Sprintf(`{issuers: {corp: "%s"}, callers: {a: {oidc: {issuer: corp, subject: "1", audience: [x]}}}}`, issuer.URL))
	named = issuer.URL
	wants(t, c, "issuer", "ok ", "publishes its keys")
	named = "https://other.example.com"
	wants(t, c, "issuer", "problem ", `calls itself "https://other.example.com"`)
	issuer.Close()
	wants(t, c, "issuer", "problem ", "cannot be reached")
}

// The Identity-Aware Proxy has no discovery document: its keys are at a fixed address.
func TestIdentityAwareProxy(t *testing.T) {
	t.Parallel()
	c := sound(t, &cloud{})
	c.File = file(t, `{verify: iap, callers: {a: {oidc: {issuer: iap, subject: "1", audience: [x]}}}}`)
	for _, test := range []struct {
		status          int
		body            string
		begin, contains string
	}{
		{http.StatusOK, `{"keys":[{"kid":"a"}]}`, "ok ", "https://cloud.google.com/iap: publishes its keys"},
		{http.StatusOK, `{"keys":[]}`, "problem ", "public_key-jwk answers 200 without keys"},
		{http.StatusOK, "<html>", "problem ", "public_key-jwk answers 200 without keys"},
		{http.StatusForbidden, `{"keys":[{"kid":"a"}]}`, "problem ", "public_key-jwk answers 403 without keys"},
	} {
		c.HTTP = &http.Client{Transport: keysOfIAP{test.status, test.body}}
		wants(t, c, "issuer", test.begin, test.contains)
	}
	c.HTTP = &http.Client{Transport: unreachable{}}
	wants(t, c, "issuer", "problem ", "public_key-jwk cannot be read, so its tokens are refused: no network")
}

// keysOfIAP is a network with the keys of the Identity-Aware Proxy alone.
type keysOfIAP struct {
	status int
	body   string
}

func (k keysOfIAP) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := httptest.NewRecorder()
	if r.URL.String() != "https://www.gstatic.com/iap/verify/public_key-jwk" {
		http.NotFound(answer, r)
		return answer.Result(), nil
	}
	answer.WriteHeader(k.status)
	_, _ = answer.WriteString(k.body)
	return answer.Result(), nil
}

func TestAudiences(t *testing.T) {
	t.Parallel()
	for audience, want := range map[string]string{
		"https://runwith.example.com/": "ok a: tokens for https://runwith.example.com are accepted",
		"runwith":                      "ok a: accepts tokens for runwith; ",
		"https://old.example.com":      "problem a: accepts tokens for https://old.example.com, and not for https://runwith.example.com",
	} {
		c := sound(t, &cloud{})
		c.Server, c.HTTP = "https://runwith.example.com", &http.Client{Transport: unreachable{}}
		c.File = file(t, fmt.Sprintf(`callers: {a: {oidc: {issuer: google, subject: "1", audience: "%s"}}}`, audience))
		wants(t, c, "audience", want, "")
	}
}

func TestCallbacks(t *testing.T) {
	t.Parallel()
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the receiver got a request") }))
	t.Cleanup(receiver.Close)
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	c := sound(t, &cloud{})
	c.File = file(t, fmt.Sprintf(`callbacks: [{name: plain, url: "%s", secret: {env: SECRET}}]`, receiver.URL))
	wants(t, c, "callback", "problem plain: ", "--callback-allow opens it")
	var err error
	if c.Allowed, err = callback.ParseAllowed([]string{"127.0.0.0/8"}); err != nil {
		t.Fatal(err)
	}
	wants(t, c, "callback", "ok plain: ", "")
	receiver.Close()
	wants(t, c, "callback", "problem plain: ", "connection refused: start the receiver, or correct url in the configuration file")
	c.File = file(t, fmt.Sprintf(`callbacks: [{name: secure, url: "%s", secret: {env: SECRET}}]`, secure.URL))
	wants(t, c, "callback", "problem secure: ", "certificate")
}

func TestServer(t *testing.T) {
	t.Parallel()
	ready := http.StatusOK
	invoker := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/readyz" && ready != http.StatusOK {
			w.WriteHeader(ready)
			fmt.Fprint(w, `{"detail":"Cloud Run has not answered"}`)
			return
		}
		fmt.Fprint(w, `{"status":"ok","version":"v2"}`)
	}))
	t.Cleanup(invoker.Close)
	c := sound(t, &cloud{})
	c.Server = invoker.URL
	wants(t, c, "server", "ok ", "with version v2; this program has version v1")
	ready = http.StatusServiceUnavailable
	wants(t, c, "server", "problem ", "is not ready: Cloud Run has not answered")
	invoker.Close()
	wants(t, c, "server", "skipped ", "does not run")
	c.Expected = true
	wants(t, c, "server", "problem ", "start it, or correct --server")
}
