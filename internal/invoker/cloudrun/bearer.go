package cloudrun

import (
	"context"
	"fmt"
	"net/http"

	"golang.org/x/oauth2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// bearer sends a token without TLS. [Config.Validate] allows that for loopback only.
type bearer struct{ source oauth2.TokenSource }

// header returns the Authorization header of a call, or nothing if the token is empty.
func (b bearer) header() (string, error) {
	token, err := b.source.Token()
	if err != nil || token.AccessToken == "" {
		return "", err
	}
	return token.Type() + " " + token.AccessToken, nil
}

// GetRequestMetadata returns the header of one call.
func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	header, err := b.header()
	switch {
	case err != nil:
		return nil, status.Errorf(codes.Unauthenticated, "get a token: %v", err)
	case header == "":
		return nil, nil
	}
	return map[string]string{"authorization": header}, nil
}

// RequireTransportSecurity returns false.
func (bearer) RequireTransportSecurity() bool { return false }

// bearerTransport is bearer for REST.
type bearerTransport struct {
	bearer
	base http.RoundTripper
}

// RoundTrip sends a request with the header of one call.
func (t bearerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	header, err := t.header()
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close() // as a transport must
		}
		return nil, fmt.Errorf("get a token: %w", err)
	}
	if header != "" {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", header)
	}
	return t.base.RoundTrip(r)
}
