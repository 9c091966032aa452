package idtoken

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/runwith/runwith"
)

const (
	// GoogleMetadata is the host of the metadata server on Google Cloud.
	GoogleMetadata = "metadata.google.internal"
	// identityPath is the metadata server's path for identity tokens of the service account.
	identityPath = "/computeMetadata/v1/instance/service-accounts/default/identity"

	fetchTimeout = 10 * time.Second
	maxAnswer    = 64 << 10
)

// Metadata returns a source of the service account's tokens: the metadata server at host,
// HOST or HOST:PORT.
//
// See https://cloud.google.com/compute/docs/instances/verifying-instance-identity.
func Metadata(host string) Source {
	return func(ctx context.Context, audience string) (string, error) {
		query := url.Values{"audience": {audience}, "format": {"full"}}
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+identityPath+"?"+query.Encode(), http.NoBody)
		if err != nil {
			return "", runwith.Errorf(runwith.InvalidArgument, "metadata server %q: must be HOST or HOST:PORT", host)
		}
		r.Header.Set("Metadata-Flavor", "Google")
		body, err := fetch(r, true)
		if err != nil {
			return "", fmt.Errorf("get identity token from metadata server %s: %w", host, err)
		}
		return strings.TrimSpace(string(body)), nil
	}
}

// GitHub returns a source of the tokens of a GitHub Actions job: its variables
// ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN, which a job has with the
// permission id-token: write.
//
// See https://docs.github.com/en/actions/reference/security/oidc.
func GitHub(requestURL, requestToken string) Source {
	return func(ctx context.Context, audience string) (string, error) {
		separator := "?"
		if strings.Contains(requestURL, "?") {
			separator = "&"
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, requestURL+separator+url.Values{"audience": {audience}}.Encode(), http.NoBody)
		if err != nil {
			return "", runwith.Errorf(runwith.InvalidArgument, "ACTIONS_ID_TOKEN_REQUEST_URL: must be a URL")
		}
		r.Header.Set("Authorization", "Bearer "+requestToken)
		body, err := fetch(r, false)
		if err != nil {
			return "", fmt.Errorf("get identity token from GitHub Actions: %w", err)
		}
		var answer struct {
			Value string `json:"value"`
		}
		if json.Unmarshal(body, &answer) != nil || answer.Value == "" {
			return "", runwith.Errorf(runwith.Unavailable, "GitHub Actions answered without an identity token")
		}
		return answer.Value, nil
	}
}

// fetch returns the body of a 200. It follows no redirect. direct ignores the proxies of the
// environment, which do not reach a metadata server.
func fetch(r *http.Request, direct bool) ([]byte, error) {
	transport := &http.Transport{DisableKeepAlives: true}
	if !direct {
		transport.Proxy = http.ProxyFromEnvironment
	}
	client := http.Client{
		Transport: transport, Timeout: fetchTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(r)
	if err != nil {
		return nil, cmp.Or(r.Context().Err(), unwrapped(err))
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answered %s: %.200s", response.Status, strings.TrimSpace(string(body)))
	}
	return body, nil
}

// unwrapped returns an error without the URL of its request, which may hold a secret.
func unwrapped(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
