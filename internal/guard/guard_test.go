package guard_test

import (
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/guard"
	httpserver "github.com/runwith/runwith/internal/server"
)

// recorder counts the requests that reach it by the name in their query (?attempt=NAME).
type recorder struct {
	mu   sync.Mutex
	seen map[string]int
}

func (rec *recorder) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec.mu.Lock()
		if rec.seen == nil {
			rec.seen = make(map[string]int)
		}
		rec.seen[r.URL.Query().Get("attempt")]++
		rec.mu.Unlock()
		next.ServeHTTP(w, r)
	})
}

func (rec *recorder) count(name string) int {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return rec.seen[name]
}

// names returns the names of the requests that reached it, sorted.
func (rec *recorder) names() []string {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return slices.Sorted(maps.Keys(rec.seen))
}

func newGuard(t *testing.T, c guard.Config) *guard.Guard {
	t.Helper()
	g, err := guard.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// serve starts a server for h, as the program does, and returns its address.
func serve(t *testing.T, h http.Handler) (addr string) {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	server.Config = httpserver.HTTP(h, slog.New(slog.DiscardHandler))
	server.Start()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// echo answers with the request's body, or with the error of reading it.
var echo = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), apierror.Status(err))
		return
	}
	w.Write(data)
})

// do sends one request with the header lines "Name: value", including Host.
func do(t *testing.T, method, url, body string, header ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		if name == "Host" {
			r.Host = value
		}
		r.Header.Add(name, value)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	return response
}

func TestWrap(t *testing.T) {
	t.Parallel()
	var reached recorder
	addr := serve(t, newGuard(t, guard.Config{AllowHosts: []string{"Runwith.Example", "192.0.2.7", ".Run.Example"}}).Wrap(reached.wrap(echo)))
	const json = "Content-Type: application/json"
	ok, forbidden, unsupported := http.StatusOK, http.StatusForbidden, http.StatusUnsupportedMediaType

	for _, test := range []struct {
		name   string
		method string
		body   string
		header []string
		want   int
	}{
		{"program", "GET", "", nil, ok},
		{"program that posts", "POST", "{}", []string{json}, ok},
		{"program that posts nothing", "POST", "", nil, ok},

		{"typed address", "GET", "", []string{"Sec-Fetch-Site: none"}, ok},
		{"own page", "POST", "{}", []string{json, "Sec-Fetch-Site: same-origin", "Origin: http://" + addr}, ok},
		{"own page behind TLS", "GET", "", []string{"Host: runwith.example", "Origin: https://runwith.example", "X-Forwarded-Proto: https"}, ok},
		{"own page behind TLS, default port", "GET", "", []string{"Host: runwith.example:443", "Origin: https://runwith.example", "X-Forwarded-Proto: HTTPS,http"}, ok},
		{"page over TLS without a proxy", "GET", "", []string{"Host: runwith.example", "Origin: https://runwith.example"}, forbidden},
		{"page without TLS behind TLS", "GET", "", []string{"Host: runwith.example", "Origin: http://runwith.example", "X-Forwarded-Proto: https"}, forbidden},
		{"page over TLS with a port of HTTP", "GET", "", []string{"Host: localhost:80", "Origin: https://localhost:80"}, forbidden},
		{"own page, default ports", "GET", "", []string{"Host: localhost:80", "Origin: http://LOCALHOST"}, ok},
		{"cross-site", "GET", "", []string{"Sec-Fetch-Site: cross-site"}, forbidden},
		{"same-site", "GET", "", []string{"Sec-Fetch-Site: same-site"}, forbidden},
		{"two sites", "GET", "", []string{"Sec-Fetch-Site: none", "Sec-Fetch-Site: cross-site"}, forbidden},
		{"unknown site", "GET", "", []string{"Sec-Fetch-Site: later"}, forbidden},
		{"preflight", "OPTIONS", "", []string{"Origin: http://page.example", "Access-Control-Request-Method: POST"}, forbidden},
		{"other origin", "GET", "", []string{"Origin: http://page.example"}, forbidden},
		{"other port", "GET", "", []string{"Origin: http://127.0.0.1:1"}, forbidden},
		{"null origin", "POST", "", []string{"Origin: null"}, forbidden},
		{"empty origin", "GET", "", []string{"Origin: "}, forbidden},
		{"other scheme", "GET", "", []string{"Origin: chrome-extension://" + addr}, forbidden},
		{"two origins", "GET", "", []string{"Origin: http://" + addr, "Origin: http://page.example"}, forbidden},
		{"origin with user", "GET", "", []string{"Origin: http://x@" + addr}, forbidden},

		{"localhost", "GET", "", []string{"Host: localhost"}, ok},
		{"localhost, port", "GET", "", []string{"Host: LOCALHOST:8080"}, ok},
		{"localhost, dot", "GET", "", []string{"Host: localhost.:8080"}, ok},
		{"below localhost", "GET", "", []string{"Host: us-east4-run.localhost"}, ok},
		{"other loopback", "GET", "", []string{"Host: 127.9.9.9:80"}, ok},
		{"loopback, IPv6", "GET", "", []string{"Host: [::1]:8080"}, ok},
		{"loopback, mapped", "GET", "", []string{"Host: [::ffff:127.0.0.1]"}, ok},
		{"run", "GET", "", []string{"Host: run.googleapis.com"}, ok},
		{"run in a region", "GET", "", []string{"Host: us-east4-run.googleapis.com"}, ok},
		{"logging", "GET", "", []string{"Host: logging.googleapis.com:443"}, ok},
		{"serviceusage", "GET", "", []string{"Host: serviceusage.googleapis.com"}, ok},
		{"cloudresourcemanager", "GET", "", []string{"Host: cloudresourcemanager.googleapis.com"}, ok},
		{"metadata", "GET", "", []string{"Host: metadata.google.internal."}, ok},
		{"allowed name", "GET", "", []string{"Host: runwith.EXAMPLE:443"}, ok},
		{"allowed address", "GET", "", []string{"Host: 192.0.2.7:8080"}, ok},
		{"rebound name", "GET", "", []string{"Host: rebind.example"}, forbidden},
		{"rebound name, own page", "POST", "{}", []string{json, "Host: rebind.example", "Origin: http://rebind.example", "Sec-Fetch-Site: same-origin"}, forbidden},
		{"name with localhost in front", "GET", "", []string{"Host: localhost.rebind.example"}, forbidden},
		{"name ending in localhost", "GET", "", []string{"Host: notlocalhost"}, forbidden},
		{"name below an allowed one", "GET", "", []string{"Host: x.runwith.example"}, forbidden},
		{"name below a dotted one", "GET", "", []string{"Host: api-12.us-east4.RUN.example:443"}, ok},
		{"a dotted name itself", "GET", "", []string{"Host: run.example"}, forbidden},
		{"name that ends like a dotted one", "GET", "", []string{"Host: x.rerun.example"}, forbidden},
		{"name that begins like a dotted one", "GET", "", []string{"Host: api.run.example.evil.example"}, forbidden},
		{"name with an address in front", "GET", "", []string{"Host: 127.0.0.1.rebind.example"}, forbidden},
		{"other machine's address", "GET", "", []string{"Host: 192.0.2.1"}, forbidden},
		{"unspecified address", "GET", "", []string{"Host: 0.0.0.0:8080"}, forbidden},
		{"other service of Google's", "GET", "", []string{"Host: storage.googleapis.com"}, forbidden},
		{"below a region's host", "GET", "", []string{"Host: x.y-run.googleapis.com"}, forbidden},
		{"region's host without region", "GET", "", []string{"Host: -run.googleapis.com"}, forbidden},

		{"JSON with a charset", "POST", "{}", []string{"Content-Type: application/json; charset=utf-8"}, ok},
		{"JSON in capitals", "POST", "{}", []string{"Content-Type: Application/JSON"}, ok},
		{"JSON in ASCII", "POST", "{}", []string{"Content-Type: application/json; charset=US-ASCII"}, ok},
		{"JSON with a parameter", "POST", "{}", []string{"Content-Type: application/json; odata=verbose"}, ok},
		{"JSON in UTF-16", "POST", "{}", []string{"Content-Type: application/json; charset=utf-16"}, unsupported},
		{"JSON in Latin-1", "POST", "{}", []string{"Content-Type: application/json; charset=\"iso-8859-1\""}, unsupported},
		{"bytes", "POST", "{}", []string{"Content-Type: application/octet-stream"}, ok},
		{"bytes of another charset", "POST", "{}", []string{"Content-Type: application/octet-stream; charset=utf-7"}, unsupported},
		{"bytes of another page", "POST", "{}", []string{"Content-Type: application/octet-stream", "Origin: http://page.example"}, forbidden},
		{"batch", "POST", "{}", []string{"Content-Type: multipart/mixed; boundary=x"}, ok},
		{"multipart form", "POST", "{}", []string{"Content-Type: multipart/form-data; boundary=x"}, unsupported},
		{"form of a GET", "POST", "a=b", []string{"Content-Type: application/x-www-form-urlencoded", "X-HTTP-Method-Override: GET"}, ok},
		{"text of a GET", "POST", "a=b", []string{"Content-Type: text/plain", "X-HTTP-Method-Override: GET"}, unsupported},
		{"text", "POST", "{}", []string{"Content-Type: text/plain"}, unsupported},
		{"no type", "POST", "{}", nil, unsupported},
		{"form", "POST", "a=b", []string{"Content-Type: application/x-www-form-urlencoded"}, unsupported},
		{"text that names JSON", "POST", "{}", []string{"Content-Type: text/plain; application/json"}, unsupported},
		{"two types", "POST", "{}", []string{json, "Content-Type: text/plain"}, unsupported},
		{"gRPC over HTTP/1", "POST", "{}", []string{"Content-Type: application/grpc"}, unsupported},
		{"text in a GET", "GET", "{}", []string{"Content-Type: text/plain"}, unsupported},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			response := do(t, test.method, "http://"+addr+"/?attempt="+strings.ReplaceAll(test.name, " ", "+"), test.body, test.header...)
			if response.StatusCode != test.want {
				text, _ := io.ReadAll(response.Body)
				t.Errorf("status = %d, want %d; body %s", response.StatusCode, test.want, text)
			}
			if got, want := reached.count(test.name), map[bool]int{true: 1}[test.want == ok]; got != want {
				t.Errorf("the request reached the handler %d times, want %d", got, want)
			}
			if got := response.Header.Get("X-Content-Type-Options"); got != "nosniff" {
				t.Errorf("X-Content-Type-Options = %q, want nosniff", got)
			}
			for name := range response.Header {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("the answer has a header %s, want no CORS header", name)
				}
			}
		})
	}
}

func TestRefusal(t *testing.T) {
	t.Parallel()
	addr := serve(t, newGuard(t, guard.Config{}).Wrap(echo))
	for _, test := range []struct {
		name   string
		header string
		body   string
		status int
		says   string
	}{
		{"host", "Host: rebind.example", "", 403, "--allow-host"},
		{"origin", "Origin: http://page.example", "", 403, "page.example"},
		{"content type", "Content-Type: text/plain", "{}", 415, "application/json"},
		{"size", "Content-Type: application/json", strings.Repeat(" ", 1<<20+1), 413, "1048576 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			response := do(t, "POST", "http://"+addr, test.body, test.header)
			text, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			if response.StatusCode != test.status || !strings.Contains(string(text), test.says) {
				t.Errorf("answer = %d %q, want %d that says %q", response.StatusCode, text, test.status, test.says)
			}
		})
	}
}

func TestReject(t *testing.T) {
	t.Parallel()
	var got *runwith.Error
	h := newGuard(t, guard.Config{Reject: func(w http.ResponseWriter, _ *http.Request, err *runwith.Error) {
		got = err
		http.Error(w, err.Message, apierror.Status(err))
	}}).Wrap(echo)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "http://localhost/", strings.NewReader("{}")))
	if got == nil || got.Code != runwith.InvalidArgument || w.Code != http.StatusUnsupportedMediaType {
		t.Errorf("Reject got %v and the client %d, want INVALID_ARGUMENT and 415", got, w.Code)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	c := guard.Config{
		AllowHosts:  []string{"a.example", "a_b.example.", "192.0.2.1", "2001:db8::1", "", "http://a.example", "a.example:80", "*.example", "a..b", ".a.example", "..a", "."},
		MaxBody:     -1,
		BodyTimeout: -1,
	}
	_, err := guard.New(c)
	if err == nil {
		t.Fatal("New accepted a configuration with faults")
	}
	var got []string
	for fault := range strings.Lines(err.Error()) {
		subject, _, _ := strings.Cut(fault, ": must")
		got = append(got, subject)
	}
	want := []string{
		`allow-host ""`, `allow-host "http://a.example"`, `allow-host "a.example:80"`, `allow-host "*.example"`, `allow-host "a..b"`,
		`allow-host "..a"`, `allow-host "."`,
		"max body -1", "body timeout -1ns",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("New(%+v) reports other faults (-want +got):\n%s", c, diff)
	}
}
