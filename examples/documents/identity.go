package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
)

// identityToken returns a source of ID tokens for a server: those of the service account that
// this program runs as on Google Cloud. The metadata server keeps each until it expires.
//
// See https://cloud.google.com/run/docs/securing/service-identity#identity_tokens.
func identityToken(server string) func(context.Context) (string, error) {
	host := os.Getenv("GCE_METADATA_HOST")
	if host == "" {
		host = "metadata.google.internal"
	}
	address := "http://" + host + "/computeMetadata/v1/instance/service-accounts/default/identity?audience=" + url.QueryEscape(server)
	return func(ctx context.Context) (string, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return "", err
		}
		r.Header.Set("Metadata-Flavor", "Google")
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			return "", fmt.Errorf("get an ID token: %w", err)
		}
		defer response.Body.Close()
		token, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
		if err != nil {
			return "", fmt.Errorf("get an ID token: %w", err)
		}
		if response.StatusCode != http.StatusOK {
			return "", fmt.Errorf("get an ID token: the metadata server answered %s", response.Status)
		}
		return string(token), nil
	}
}
