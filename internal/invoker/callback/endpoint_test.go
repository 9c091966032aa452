package callback

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

func allow(t *testing.T, ranges ...string) Allowed {
	t.Helper()
	a, err := ParseAllowed(ranges)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func secrets(t *testing.T) []Secret {
	t.Helper()
	return []Secret{mustParse(t, NewSecret())}
}

func mustNew(t *testing.T, r Rules) *Endpoints {
	t.Helper()
	e, err := New(r)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestSubscribers(t *testing.T) {
	t.Parallel()
	e := mustNew(t, Rules{
		Endpoints: []Endpoint{
			{Name: "all", URL: "https://a.example.com/x", Secrets: secrets(t)},
			{URL: "https://b.example.com:8443/y?k=v", Secrets: secrets(t), Events: []ledger.Event{ledger.EventStarted}, Jobs: []string{"nightly"}},
			{Name: "labels", URL: "https://c.example.com", Secrets: secrets(t), Labels: map[string]string{"tenant": "acme", "env": ""}},
		},
		Requests: &Requests{Hosts: []string{"api.example.com"}, Secrets: secrets(t), Events: []ledger.Event{ledger.EventFailed}},
	})
	ends := Ends()
	for _, tt := range []struct {
		name, job string
		labels    map[string]string
		callback  *runwith.Callback
		want      []ledger.Subscriber
	}{
		{"any job", "other", nil, nil, []ledger.Subscriber{{Endpoint: "all", Events: ends}}},
		{"one job", "nightly", nil, nil, []ledger.Subscriber{
			{Endpoint: "all", Events: ends},
			{Endpoint: "https://b.example.com:8443/y", Events: []ledger.Event{ledger.EventStarted}},
		}},
		{"labels", "other", map[string]string{"tenant": "acme", "env": "", "more": "x"}, nil, []ledger.Subscriber{
			{Endpoint: "all", Events: ends}, {Endpoint: "labels", Events: ends},
		}},
		{"a label is missing", "other", map[string]string{"tenant": "acme"}, nil, []ledger.Subscriber{{Endpoint: "all", Events: ends}}},
		{"request", "other", nil, &runwith.Callback{URL: "https://API.example.com:443/hook"}, []ledger.Subscriber{
			{Endpoint: "all", Events: ends},
			{Endpoint: "request", URL: "https://API.example.com:443/hook", Events: []ledger.Event{ledger.EventFailed}},
		}},
	} {
		got, err := e.Subscribers(tt.job, tt.labels, tt.callback)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: Subscribers() (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestRequestedURL(t *testing.T) {
	t.Parallel()
	e := mustNew(t, Rules{
		Requests: &Requests{Hosts: []string{"api.example.com", "ports.example.com:8443", "127.0.0.1", "localhost", "10.0.0.1"}, Secrets: secrets(t)},
		Allowed:  allow(t, "127.0.0.0/8"),
	})
	for url, want := range map[string]runwith.Code{
		"https://api.example.com":                              runwith.OK,
		"https://api.example.com/hook?a=b":                     runwith.OK,
		"https://ports.example.com:8443/":                      runwith.OK,
		"http://127.0.0.1:3000/hook":                           runwith.OK,
		"http://localhost:3000/hook":                           runwith.OK,
		"https://127.0.0.1:3000/hook":                          runwith.OK,
		"https://api.example.com:8443":                         runwith.PermissionDenied,
		"https://ports.example.com/":                           runwith.PermissionDenied,
		"https://example.com":                                  runwith.PermissionDenied,
		"https://x.api.example.com":                            runwith.PermissionDenied,
		"https://api.example.com.evil.test":                    runwith.PermissionDenied,
		"http://api.example.com":                               runwith.PermissionDenied,
		"http://api.example.com:443":                           runwith.PermissionDenied,
		"https://127.0.0.2":                                    runwith.PermissionDenied,
		"https://10.0.0.1/":                                    runwith.InvalidArgument,
		"":                                                     runwith.InvalidArgument,
		"api.example.com":                                      runwith.InvalidArgument,
		"//api.example.com":                                    runwith.InvalidArgument,
		"https:api.example.com":                                runwith.InvalidArgument,
		"https:///hook":                                        runwith.InvalidArgument,
		"ftp://api.example.com":                                runwith.InvalidArgument,
		"file:///etc/passwd":                                   runwith.InvalidArgument,
		"javascript:alert(1)":                                  runwith.InvalidArgument,
		"https://api。example。com":                              runwith.InvalidArgument,
		"https://api%E3%80%82example.com":                      runwith.InvalidArgument,
		"https://127。0。0。1":                                    runwith.InvalidArgument,
		"https://user@api.example.com":                         runwith.InvalidArgument,
		"https://user:pw@api.example.com":                      runwith.InvalidArgument,
		"https://api.example.com#x":                            runwith.InvalidArgument,
		"https://api.example.com/a b":                          runwith.InvalidArgument,
		"https://api.example.com/\r\nHost: evil":               runwith.InvalidArgument,
		"https://api.example.com\\@evil.test":                  runwith.InvalidArgument,
		"https://api.example.com:0":                            runwith.InvalidArgument,
		"https://api.example.com:":                             runwith.InvalidArgument,
		"https://api.example.com:99999":                        runwith.InvalidArgument,
		"https://169.254.169.254/latest":                       runwith.InvalidArgument,
		"https://[::ffff:169.254.169.254]/":                    runwith.InvalidArgument,
		"https://[fe80::1%25eth0]/":                            runwith.InvalidArgument,
		"https://[::1]/":                                       runwith.InvalidArgument,
		"https://metadata.google.internal/":                    runwith.InvalidArgument,
		"https://METADATA.google.internal./":                   runwith.InvalidArgument,
		"https://api.example.com/" + strings.Repeat("a", 2000): runwith.InvalidArgument,
	} {
		_, err := e.Subscribers("job", nil, &runwith.Callback{URL: url})
		if runwith.CodeOf(err) != want {
			t.Errorf("Subscribers() of callback %.80q = %v (%v), want %v", url, err, runwith.CodeOf(err), want)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "callback.url: ") {
			t.Errorf("Subscribers() of callback %.80q: error %q does not name callback.url", url, err)
		}
	}
	none := mustNew(t, Rules{})
	if _, err := none.Subscribers("job", nil, &runwith.Callback{URL: "https://api.example.com"}); runwith.CodeOf(err) != runwith.PermissionDenied {
		t.Errorf("Subscribers() without requestCallbacks = %v, want PERMISSION_DENIED", err)
	}
}

func TestNewReportsAllFaults(t *testing.T) {
	t.Parallel()
	_, err := New(Rules{
		Endpoints: []Endpoint{
			{Name: "a", URL: "https://a.example.com"},
			{Name: "b", URL: "http://b.example.com", Secrets: secrets(t)},
			{Name: "c", URL: "https://c.example.com", Secrets: secrets(t)},
			{Name: "c", URL: "https://c.example.com", Secrets: secrets(t)},
			{Name: "request", URL: "https://d.example.com", Secrets: secrets(t)},
			{Name: "e", URL: "https://192.168.1.1/", Secrets: secrets(t)},
			{Name: "f", URL: "https://f.example.com", Secrets: append(secrets(t), make([]Secret, maxSecrets)...)},
		},
		Requests: &Requests{},
	})
	if err == nil {
		t.Fatal("New() of faulty rules = nil, want an error")
	}
	for _, want := range []string{
		"callbacks[0].secret: has 0 secrets", "callbacks[1].url: must begin with https", `callbacks[3].name: another endpoint is called "c"`,
		`callbacks[4].name: "request" is reserved`, "callbacks[5].url: address 192.168.1.1 is not allowed", "callbacks[6].secret: has 6",
		"requestCallbacks.hosts: is required", "requestCallbacks.secret: has 0",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("New() = %v, want also %q", err, want)
		}
	}
	// http and private addresses are fine once their range is open.
	mustNew(t, Rules{Endpoints: []Endpoint{{URL: "http://intranet.example.com:8080/", Secrets: secrets(t)}, {URL: "https://10.1.2.3/", Secrets: secrets(t)}},
		Allowed: allow(t, "10.0.0.0/8")})
}

func TestParseEvents(t *testing.T) {
	t.Parallel()
	got, err := ParseEvents([]string{"failed", "invocation.started"})
	if err != nil || !cmp.Equal(got, []ledger.Event{ledger.EventFailed, ledger.EventStarted}) {
		t.Errorf("ParseEvents() = %v, %v", got, err)
	}
	if _, err := ParseEvents([]string{"done"}); err == nil {
		t.Error("ParseEvents(done) = nil, want an error")
	}
}

// Names are in logs, metrics and lists, where the query of a URL must not be.
func TestNameOfAnEndpointWithoutOne(t *testing.T) {
	t.Parallel()
	e, err := New(Rules{Endpoints: []Endpoint{{URL: "https://a.example.com/x?token=canary", Secrets: secrets(t)}}})
	if err != nil {
		t.Fatal(err)
	}
	heard, err := e.Subscribers("nightly", nil, nil)
	if err != nil || len(heard) != 1 || heard[0].Endpoint != "https://a.example.com/x" {
		t.Errorf("Subscribers() = %+v, %v, want the URL without its query as the name", heard, err)
	}
	for text, want := range map[string]string{
		"https://a.example.com/x?token=canary":      "https://a.example.com/x?***",
		"https://user:canary@a.example.com/#canary": "https://a.example.com/",
		"https://a.example.com/hook":                "https://a.example.com/hook",
		"https://a.example.com/?":                   "https://a.example.com/",
		"https://a.example.com:bad/?token=canary":   "",
	} {
		if got := ShownURL(text); got != want {
			t.Errorf("ShownURL(%q) = %q, want %q", text, got, want)
		}
	}
}
