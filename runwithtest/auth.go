package runwithtest

import (
	"context"
	"net/http"

	"github.com/runwith/runwith/internal/engine/metadata"
)

// RequireAuth has the API ask for tokens, as runwith engine --require-auth does, so that a
// test sees whether a program sends one. The options of [Server.GRPC] and [Server.REST]
// send one of the server's own. A program finds one where it does on Cloud Run, if
// GCE_METADATA_HOST is the server's Addr:
//
//	s := runwithtest.Start(t, runwithtest.RequireAuth())
//	t.Setenv("GCE_METADATA_HOST", s.Addr)
func RequireAuth() Option { return func(c *config) { c.engine.RequireAuth = true } }

// tokens returns an access token of the server's own.
type tokens func() (string, error)

// newTokens takes tokens from the metadata server at an address.
func newTokens(addr string) (tokens, error) {
	source, err := metadata.NewTokenSource(addr, nil)
	if err != nil {
		return nil, err
	}
	return func() (string, error) {
		token, err := source.Token()
		if err != nil {
			return "", err
		}
		return token.AccessToken, nil
	}, nil
}

// GetRequestMetadata has gRPC send a token.
func (t tokens) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	token, err := t()
	return map[string]string{"authorization": "Bearer " + token}, err
}

// RequireTransportSecurity is false: such a token is worth nothing elsewhere.
func (tokens) RequireTransportSecurity() bool { return false }

// sender sends a token with each request over REST.
type sender struct {
	http.RoundTripper
	tokens tokens
}

// RoundTrip makes a request with a token.
func (s sender) RoundTrip(r *http.Request) (*http.Response, error) {
	token, err := s.tokens()
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+token)
	return s.RoundTripper.RoundTrip(r)
}
