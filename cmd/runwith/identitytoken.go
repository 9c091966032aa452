package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"github.com/runwith/runwith/internal/idtoken"
)

// The sources of --identity-token.
const (
	sourceAuto       = "auto"
	sourceGcloud     = "gcloud"
	sourceGcloudUser = "gcloud-user"
	sourceMetadata   = "metadata"
	sourceGitHub     = "github"
)

// tokens returns the ID tokens that the flag chooses.
func (f *clientFlags) tokens() (func(context.Context) (string, error), error) {
	audience, err := f.audience()
	if err != nil {
		return nil, err
	}
	source, err := tokenSource(f.identityToken)
	if err != nil {
		return nil, err
	}
	return idtoken.Cached(source, audience), nil
}

// tokenSource returns a source by its name.
func tokenSource(name string) (idtoken.Source, error) {
	if name == sourceAuto {
		name = likelySource()
	}
	switch name {
	case sourceMetadata:
		return idtoken.Metadata(env("GCE_METADATA_HOST", idtoken.GoogleMetadata)), nil
	case sourceGcloud, sourceGcloudUser:
		return gcloudToken(name == sourceGcloudUser), nil
	case sourceGitHub:
		request := env("ACTIONS_ID_TOKEN_REQUEST_URL", "")
		if request == "" {
			return nil, errors.New("--identity-token github: ACTIONS_ID_TOKEN_REQUEST_URL is not set: run it in a GitHub Actions job with the permission id-token: write")
		}
		return idtoken.GitHub(request, env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "")), nil
	}
	return nil, misused("--identity-token %q: must be auto, gcloud, gcloud-user, metadata or github", name)
}

// likelySource returns the source for the platform of this process. It makes no request.
func likelySource() string {
	switch {
	case env("ACTIONS_ID_TOKEN_REQUEST_URL", "") != "":
		return sourceGitHub
	case env("GCE_METADATA_HOST", "") != "", env("K_SERVICE", "") != "", env("CLOUD_RUN_JOB", "") != "":
		return sourceMetadata
	}
	if _, err := exec.LookPath("gcloud"); err == nil {
		return sourceGcloud
	}
	return sourceMetadata // a virtual machine on Google Cloud
}

// gcloudToken returns gcloud as a source. The token of a user, instead of a service
// account, always has gcloud's own audience.
func gcloudToken(user bool) idtoken.Source {
	return func(ctx context.Context, audience string) (string, error) {
		args := []string{"auth", "print-identity-token", "--quiet"}
		if !user {
			args = append(args, "--audiences="+audience)
		}
		cmd := exec.CommandContext(ctx, "gcloud", args...)
		var said bytes.Buffer
		cmd.Stderr = &said
		token, err := cmd.Output()
		switch {
		case errors.Is(err, exec.ErrNotFound):
			return "", errors.New("--identity-token: gcloud is not in PATH: install it from https://cloud.google.com/sdk/docs/install, or choose another source")
		case err != nil && ctx.Err() == nil:
			return "", fmt.Errorf("--identity-token: gcloud auth print-identity-token: %w: %.300s%s", err, strings.TrimSpace(said.String()), hintAtAccounts(said.String()))
		case err != nil:
			return "", ctx.Err()
		}
		return strings.TrimSpace(string(token)), nil
	}
}

// hintAtAccounts returns the next step if gcloud refuses to make a token for an audience.
func hintAtAccounts(said string) string {
	if !strings.Contains(said, "--audiences") {
		return ""
	}
	return "; only a service account has tokens for an audience: set CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT=ACCOUNT, " +
		"or use --identity-token=gcloud-user if the server accepts your own tokens"
}
