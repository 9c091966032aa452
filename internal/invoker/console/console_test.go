package console_test

import (
	"cmp"
	"context"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/access"
	"github.com/runwith/runwith/internal/invoker/api"
	"github.com/runwith/runwith/internal/invoker/configfile"
	"github.com/runwith/runwith/internal/invoker/console"
	"github.com/runwith/runwith/internal/invoker/policy"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/principal"
)

// fake is an invoker with the invocations of a test, newest first. Each field is what the
// method of its name does; nil is what a server does that has only these invocations.
type fake struct {
	access.Invoker // nil: a method that is missing below panics

	all         []runwith.Invocation
	list        []runwith.Job
	cancel      func(id string) (runwith.Invocation, error)
	rerun       func(r invoker.Rerun) (runwith.Invocation, bool, error)
	invoke      func(q invoker.Request) (runwith.Invocation, bool, error)
	invocations func(f invoker.Filter) ([]runwith.Invocation, string, error)
	usage       func() (runwith.UsageReport, error)

	mu      sync.Mutex
	filters []invoker.Filter // those that Invocations was asked with
}

// Invocations gives pages of all invocations; it selects by job and state.
func (f *fake) Invocations(_ context.Context, q invoker.Filter) ([]runwith.Invocation, string, error) {
	f.mu.Lock()
	f.filters = append(f.filters, q)
	f.mu.Unlock()
	if f.invocations != nil {
		return f.invocations(q)
	}
	found := slices.DeleteFunc(slices.Clone(f.all), func(i runwith.Invocation) bool {
		return q.Job != "" && i.Job != q.Job || len(q.States) > 0 && !slices.Contains(q.States, i.State) || q.PageToken != "" && i.ID >= q.PageToken
	})
	if size := cmp.Or(q.PageSize, 50); len(found) > size {
		return found[:size], found[size-1].ID, nil
	}
	return found, "", nil
}

func (f *fake) Invocation(_ context.Context, id string) (runwith.Invocation, error) {
	for _, i := range f.all {
		if i.ID == id {
			return i, nil
		}
	}
	return runwith.Invocation{}, store.NotFound("invocation " + id)
}

func (f *fake) Owns(context.Context, string, string) (bool, error) { return false, nil }

func (f *fake) Repeated(context.Context, invoker.Request) (i runwith.Invocation, _ bool, _ error) {
	return i, false, nil
}

func (f *fake) Invoke(_ context.Context, q invoker.Request) (runwith.Invocation, bool, error) {
	if f.invoke == nil {
		return runwith.Invocation{}, false, errors.New("the test starts nothing")
	}
	return f.invoke(q)
}

func (f *fake) Cancel(ctx context.Context, id string) (runwith.Invocation, error) {
	if f.cancel == nil {
		return f.Invocation(ctx, id)
	}
	return f.cancel(id)
}

func (f *fake) Rerun(_ context.Context, r invoker.Rerun) (runwith.Invocation, bool, error) {
	if f.rerun == nil {
		return runwith.Invocation{}, false, errors.New("the test reruns nothing")
	}
	return f.rerun(r)
}

func (f *fake) Jobs(context.Context) ([]runwith.Job, error) { return f.list, nil }

func (f *fake) Job(_ context.Context, name string) (runwith.Job, error) {
	for _, j := range f.list {
		if j.Name == name {
			return j, nil
		}
	}
	return runwith.Job{}, policy.NoJob(name)
}

func (f *fake) Usage(context.Context, invoker.UsageQuery) (u runwith.UsageReport, _ error) {
	if f.usage == nil {
		return u, nil
	}
	return f.usage()
}

func (f *fake) Budgets(context.Context, string) ([]runwith.Budget, error) { return nil, nil }

func (f *fake) Logs(context.Context, string, invoker.LogQuery) iter.Seq2[runwith.LogLine, error] {
	return func(func(runwith.LogLine, error) bool) {}
}

// visitors are those of a test: the header Caller names each. Without one, a visitor is the
// local user, who may do everything, or with a configuration has to sign in.
type visitors struct{ config bool }

const formToken = "token-of-the-test"

func (v visitors) Identify(r *http.Request) (principal.Principal, bool, error) {
	switch name := r.Header.Get("Caller"); {
	case name != "":
		return principal.Principal{Name: name, Proof: principal.APIKey}, true, nil
	case v.config:
		return principal.Principal{}, false, runwith.Errorf(runwith.Unauthenticated, "sign in")
	}
	return principal.LocalUser, false, nil
}

func (visitors) Token(http.ResponseWriter, *http.Request) string { return formToken }

func (visitors) CheckPost(r *http.Request) error {
	if r.PostFormValue("token") != formToken {
		return runwith.Errorf(runwith.PermissionDenied, "the form has no token")
	}
	return nil
}

func (visitors) SignIn(http.ResponseWriter, *http.Request, string) error { return nil }

func (visitors) SignOut(http.ResponseWriter, *http.Request) {}

// site is a console that a test asks.
type site struct {
	*httptest.Server
	caller string
}

// open serves a console over f. config is a runwith.yaml with callers and grants; empty: all
// visitors are the local user. Options change the rest.
func open(t *testing.T, f access.Invoker, config string, options ...func(*console.Config)) site {
	t.Helper()
	p := policy.Open(nil)
	if config != "" {
		p = compile(t, config)
	}
	checked := access.New(f, func() *policy.Policy { return p })
	c := console.Config{
		Invoker: checked, Access: checked, Visitors: visitors{config != ""}, Version: "v1.2.3", Context: t.Context(),
		API: api.New(api.Config{Invoker: checked, Version: "v1.2.3"}),
	}
	for _, change := range options {
		change(&c)
	}
	server := httptest.NewServer(console.New(c))
	t.Cleanup(server.Close)
	return site{Server: server}
}

func compile(t *testing.T, config string) *policy.Policy {
	t.Helper()
	file, err := configfile.Read("runwith.yaml", config, nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.New(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// as returns the same console as a caller sees it.
func (s site) as(caller string) site { return site{s.Server, caller} }

// answer is a page as it came.
type answer struct {
	status int
	header http.Header
	body   string
}

// get asks for a page.
func (s site) get(t *testing.T, path string) answer {
	t.Helper()
	return s.ask(t, http.MethodGet, path, nil)
}

// post sends a form with its token. Fields are pairs of name and value.
func (s site) post(t *testing.T, path string, fields ...string) answer {
	t.Helper()
	form := url.Values{"token": {formToken}}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
	}
	return s.ask(t, http.MethodPost, path, form)
}

// ask sends a request, and follows no redirect.
func (s site) ask(t *testing.T, method, path string, form url.Values) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if s.caller != "" {
		r.Header.Set("Caller", s.caller)
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(body)}
}

// has requires texts in the page, in this order.
func (a answer) has(t *testing.T, texts ...string) answer {
	t.Helper()
	rest := a.body
	for _, text := range texts {
		_, after, found := strings.Cut(rest, text)
		if !found {
			t.Fatalf("page lacks %q after what is before it:\n%s", text, a.main())
		}
		rest = after
	}
	return a
}

// lacks requires that none of the texts is in the page.
func (a answer) lacks(t *testing.T, texts ...string) answer {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(a.body, text) {
			t.Errorf("page has %q:\n%s", text, a.main())
		}
	}
	return a
}

// is requires a status.
func (a answer) is(t *testing.T, status int) answer {
	t.Helper()
	if a.status != status {
		t.Fatalf("status %d, want %d:\n%s", a.status, status, a.main())
	}
	return a
}

// main returns the content of the page without its frame.
func (a answer) main() string {
	if m := regexp.MustCompile(`(?s)<main.*</main>`).FindString(a.body); m != "" {
		return m
	}
	return a.body
}

func TestPagesAllowNoScriptsOfOthers(t *testing.T) {
	t.Parallel()
	s := open(t, &fake{}, "")
	page := s.get(t, "/").is(t, http.StatusOK)
	want := "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	if got := page.header.Get("Content-Security-Policy"); got != want {
		t.Errorf("policy %q, want %q", got, want)
	}
	page.lacks(t, "<style", "style=", "onclick=", "javascript:")
}

func TestFormsNeedTheirToken(t *testing.T) {
	t.Parallel()
	s := open(t, &fake{}, "")
	s.ask(t, http.MethodPost, "/console/sign-out", url.Values{"token": {"of an earlier page"}}).is(t, http.StatusForbidden)
	s.post(t, "/console/sign-out").is(t, http.StatusSeeOther)
}

func TestUnknownVisitorsSignIn(t *testing.T) {
	t.Parallel()
	s := open(t, &fake{}, "callers: {viewer: {oidc: {issuer: google, subject: \"1\", audience: x}, grants: [view]}}\njobs: {reindex: {}}")
	s.get(t, "/").is(t, http.StatusUnauthorized).has(t, "API key").lacks(t, "<nav")
	s.as("viewer").get(t, "/").is(t, http.StatusOK).has(t, "<nav", "Sign out")
}

func TestUnknownPages(t *testing.T) {
	t.Parallel()
	open(t, &fake{}, "").get(t, "/nothing").is(t, http.StatusNotFound).has(t, "Not found", "there is no page /nothing")
	open(t, &fake{}, "").get(t, "/console/a%e2%80%aeb%00%ff").is(t, http.StatusNotFound).has(t, "there is no page /console/a⟨U&#43;202E⟩b␀\ufffd")
}

func TestOtherMethods(t *testing.T) {
	t.Parallel()
	s := open(t, &fake{}, "")
	for request, allowed := range map[string]string{
		"DELETE /":                "GET, HEAD",
		"POST /jobs/reindex":      "GET, HEAD",
		"PUT /jobs/reindex/start": "GET, HEAD, POST",
		"GET /console/sign-out":   "POST",
	} {
		method, path, _ := strings.Cut(request, " ")
		got := s.ask(t, method, path, nil).is(t, http.StatusMethodNotAllowed).has(t, "does not take "+method+" requests")
		if allow := got.header.Get("Allow"); allow != allowed {
			t.Errorf("%s: Allow is %q, want %q", request, allow, allowed)
		}
	}
}

// The way back from a form that failed is the page with the form, and never another server.
func TestFailedFormLeadsBack(t *testing.T) {
	t.Parallel()
	s := open(t, &fake{}, "")
	for from, want := range map[string]string{
		s.URL + "/jobs/reindex?x=1": `<a href="/jobs/reindex?x=1">Back</a>`,
		s.URL + "//evil.example":    `<p><a href="/">Back</a>`,
		"http://evil.example/a":     `<p><a href="/">Overview</a>`,
		"":                          `<p><a href="/">Overview</a>`,
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/console/sign-out", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Referer", from)
		w := httptest.NewRecorder()
		s.Config.Handler.ServeHTTP(w, r)
		answer{w.Code, w.Header(), w.Body.String()}.is(t, http.StatusForbidden).has(t, want)
	}
}

// The API wants a key where visitors sign in, so no link leads there.
func TestSignedInVisitorsHaveNoLinkToTheAPI(t *testing.T) {
	t.Parallel()
	open(t, &fake{}, "").get(t, "/").has(t, "/api/v1/openapi.json")
	open(t, &fake{}, strings.Replace(oneViewer, "GRANTS", "view", 1)).as("viewer").get(t, "/").is(t, http.StatusOK).lacks(t, "/api/v1/openapi.json")
}
