package runwithtest

import (
	"context"
	"net/http"

	"github.com/runwith/runwith/internal/engine/metadata"
)

// RequireAuth makes the API require tokens, like runwith engine --require-auth, so that
// a test shows whether a program sends one. The options of [Server.GRPC] and
// [Server.REST] then send a token of the server. Other programs get a token from the
// metadata server, as on Cloud Run, if GCE_METADATA_HOST is the server's Addr:
//
//	s := runwithtest.Start(t, runwithtest.RequireAuth())
//	t.Setenv("GCE_METADATA_HOST", s.Addr)
func RequireAuth() Option { return func(c *config) { c.engine.RequireAuth = true } }

// tokens returns an access token of the server.
type tokens func() (string, error)

// newTokens returns tokens from the metadata server at an address.
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

// GetRequestMetadata returns the header with a token that gRPC sends.
func (t tokens) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	token, err := t()
	return map[string]string{"authorization": "Bearer " + token}, err
}

// RequireTransportSecurity returns false, because the token is valid only for this
// server.
func (tokens) RequireTransportSecurity() bool { return false }

// sender adds a token to each REST request.
type sender struct {
	http.RoundTripper
	tokens tokens
}

// RoundTrip sends the request with a token.
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
