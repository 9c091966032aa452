package server_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/principal"
	"github.com/runwith/runwith/internal/server"
)

// authenticate knows one caller by the token "docs".
func authenticate(r *http.Request) (principal.Principal, error) {
	switch r.Header.Get("Authorization") {
	case "Bearer docs":
		return principal.Principal{Name: "docs-api", Proof: principal.APIKey}, nil
	case "Bearer twice":
		return principal.Principal{}, runwith.Errorf(runwith.InvalidArgument, "send one credential")
	}
	return principal.Principal{}, runwith.Errorf(runwith.Unauthenticated, "unknown credential")
}

func whoami(w http.ResponseWriter, r *http.Request) {
	_, _ = io.WriteString(w, principal.From(r.Context()).String())
}

// A route with callers of its own authenticates them, and no other route does.
func TestRouteAuthenticates(t *testing.T) {
	t.Parallel()
	s := start(t, server.Config{Principal: principal.LocalUser}, &server.Site{
		Operator: authenticate,
		Routes: []server.Route{
			{Pattern: "/api/", Handler: http.HandlerFunc(whoami), WriteError: apierror.WriteProblem, Authenticate: authenticate},
			{Pattern: "/", Handler: http.HandlerFunc(whoami)},
		},
	})
	const none, invalid = `Bearer realm="runwith"`, `Bearer realm="runwith", error="invalid_token"`
	for _, test := range []struct {
		path, credential string
		status           int
		challenge, body  string
	}{
		{"/api/v1/jobs", "Bearer docs", http.StatusOK, "", "docs-api"},
		{"/api/v1/jobs", "", http.StatusUnauthorized, none, `"code":"UNAUTHENTICATED"`},
		{"/api/v1/jobs", "Bearer other", http.StatusUnauthorized, invalid, `"detail":"unknown credential"`},
		{"/api/v1/jobs", "Bearer twice", http.StatusBadRequest, "", `"detail":"send one credential"`},
		{"/api/../api/v1", "", http.StatusUnauthorized, none, "UNAUTHENTICATED"},
		{"/metrics", "", http.StatusUnauthorized, none, `"code":"UNAUTHENTICATED"`},
		{"/metrics", "Bearer docs", http.StatusOK, "", "runwith_build_info"},
		{"/v2/jobs", "Bearer other", http.StatusOK, "", "local user"},
		{"/healthz", "Bearer other", http.StatusOK, "", `"status":"ok"`},
		{"/readyz", "", http.StatusOK, "", `"status":"ok"`},
	} {
		response, body := s.get(t, test.path, "Authorization", test.credential)
		if response.StatusCode != test.status || !strings.Contains(body, test.body) {
			t.Errorf("GET %s as %q = %d %s, want %d and %s", test.path, test.credential, response.StatusCode, body, test.status, test.body)
		}
		if got := response.Header.Get("WWW-Authenticate"); got != test.challenge {
			t.Errorf("GET %s as %q: WWW-Authenticate = %q, want %q", test.path, test.credential, got, test.challenge)
		}
	}
}

// admits is a gRPC server that asks to admit calls to two paths.
type admits struct{ got chan string }

func (a admits) ServeGRPC(ctx context.Context, l net.Listener, admit server.Admit) error {
	defer l.Close()
	for _, path := range []string{"/api/v1/jobs", "/service/Method"} {
		r := &http.Request{Method: http.MethodPost, URL: &url.URL{Path: path}, Host: "localhost", Header: http.Header{}}
		admitted, refusal := admit(r.WithContext(ctx))
		if refusal != nil {
			a.got <- path + " " + refusal.Code.String()
			continue
		}
		a.got <- path + " " + principal.From(admitted).String()
	}
	<-ctx.Done()
	return nil
}

func (admits) StopGRPC(context.Context) {}

// A gRPC call is authenticated as its path asks for.
func TestGRPCCallsAreAuthenticated(t *testing.T) {
	t.Parallel()
	calls := admits{make(chan string, 2)}
	start(t, server.Config{Principal: principal.LocalUser}, &server.Site{GRPC: calls, Routes: []server.Route{
		{Pattern: "/api/", Handler: http.HandlerFunc(whoami), Authenticate: authenticate},
		{Pattern: "/", Handler: http.HandlerFunc(whoami)},
	}})
	for _, want := range []string{"/api/v1/jobs UNAUTHENTICATED", "/service/Method local user"} {
		if got := <-calls.got; got != want {
			t.Errorf("call = %q, want %q", got, want)
		}
	}
}
