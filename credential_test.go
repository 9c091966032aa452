package runwith_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/runwith/runwith"
)

func TestCredentialIsSent(t *testing.T) {
	t.Parallel()
	var got string
	client := setup(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("Authorization")
		answerWith(http.StatusOK, "application/json", `{}`)(w, r)
	})
	for want, credential := range map[string]func(context.Context) (string, error){
		"":                  nil,
		"Bearer rw_a_b":     runwith.APIKey("rw_a_b\n"),
		"Bearer head.pay.s": func(context.Context) (string, error) { return "head.pay.s", nil },
	} {
		client.Credential = credential
		if _, err := client.Invocation(t.Context(), "inv-1"); err != nil || got != want {
			t.Errorf("Authorization = %q, %v, want %q", got, err, want)
		}
	}
}

// A credential that cannot be sent is an error, and no request leaves.
func TestCredentialIsNotSent(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	client := setup(t, func(http.ResponseWriter, *http.Request) { requests.Add(1) })
	for _, test := range []struct {
		server     string // "": the server of the test
		credential string
		err        error
		code       runwith.Code
		message    string
	}{
		{"http://192.0.2.1", "key", nil, runwith.FailedPrecondition, "in clear text; use an https URL"},
		{"http://localhost.example", "key", nil, runwith.FailedPrecondition, "in clear text"},
		{"", "a key", nil, runwith.InvalidArgument, "without spaces"},
		{"", "key\r\nX: y", nil, runwith.InvalidArgument, "without spaces and line breaks"},
		{"", "", nil, runwith.InvalidArgument, "must be an API key"},
		{"", "", errors.New("no login"), runwith.Unauthenticated, "get a credential: no login"},
		{"", "", runwith.Errorf(runwith.Unavailable, "no metadata server"), runwith.Unavailable, "no metadata server"},
	} {
		c := *client
		if test.server != "" {
			c.Server = test.server
		}
		c.Credential = func(context.Context) (string, error) { return test.credential, test.err }
		_, err := c.Invocation(t.Context(), "inv-1")
		if runwith.CodeOf(err) != test.code || !strings.Contains(fmt.Sprint(err), test.message) {
			t.Errorf("credential %q to %s: error = %v, want %v with %q", test.credential, c.Server, err, test.code, test.message)
		}
		if test.credential != "" && strings.Contains(fmt.Sprint(err), test.credential) {
			t.Errorf("error %q has the credential", err)
		}
	}
	if n := requests.Load(); n != 0 {
		t.Errorf("%d requests were sent, want none", n)
	}
}

// A redirect takes the credential to no other server, not even to another port.
func TestCredentialIsNotRedirected(t *testing.T) {
	t.Parallel()
	var leaked atomic.Value
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { leaked.Store(r.Header.Get("Authorization")) }))
	defer other.Close()
	client := setup(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api/v1/invocations/away":
			http.Redirect(w, r, other.URL+"/", http.StatusTemporaryRedirect)
		case "/api/v1/invocations/here":
			http.Redirect(w, r, "/api/v1/invocations/there", http.StatusTemporaryRedirect)
		default:
			answerWith(http.StatusOK, "application/json", `{"id":"`+r.Header.Get("Authorization")+`"}`)(w, r)
		}
	})
	client.Credential = runwith.APIKey("key")
	if _, err := client.Invocation(t.Context(), "away"); err == nil || leaked.Load() != nil {
		t.Errorf("redirect to another server: error = %v, and it got %v", err, leaked.Load())
	}
	if i, err := client.Invocation(t.Context(), "here"); err != nil || i.ID != "Bearer key" {
		t.Errorf("redirect on the same server = %v, %v, want it to be followed with the credential", i, err)
	}
}
