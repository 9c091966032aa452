package cloudrun

import (
	"context"

	"golang.org/x/oauth2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// bearer sends a token without TLS. [Config.Validate] sees to it that this
// happens on loopback alone.
type bearer struct{ source oauth2.TokenSource }

// GetRequestMetadata returns the header of one call.
func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	token, err := b.source.Token()
	if err != nil {
		return nil, status.Errorf(codes.Unauthenticated, "get a token: %v", err)
	}
	return map[string]string{"authorization": token.Type() + " " + token.AccessToken}, nil
}

// RequireTransportSecurity returns false.
func (bearer) RequireTransportSecurity() bool { return false }
