package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/auth"
)

const (
	// keyTarget bounds what an API key, the policy and parameters cost an acceptance.
	keyTarget = 1.25
	// tokenTarget bounds the same with an ID token that the server has seen before.
	tokenTarget = 1.4
)

// callersConfig is the configuration of the row. The arguments are the same as in the request
// without a configuration.
const callersConfig = `
issuers: {engine: "http://%s"}
callers:
  by-key: {apiKeys: [{id: %s, sha256: %s}]}
  by-token: {oidc: {issuer: engine, subject: %q, audience: bench}}
jobs:
  ` + jobID + `:
    parameters:
      tenant: {type: string, pattern: "^[a-z0-9-]{1,32}$"}
      since: {type: string, format: date, default: "2026-01-01"}
    args: ["--tenant={tenant}", "--since={since}"]
    grants: {by-key: [start, view], by-token: [start, view]}
`

// measureCallers measures what callers, policy and parameters add to an acceptance: the same
// job by a server without a configuration, and by one with it.
func measureCallers(ctx context.Context, b *bench) (_ []row, err error) {
	bare, err := openCallers(ctx, b, "bare", "", "")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, bare.close()) }()
	issuer, err := start(ctx, b.progress, readyLine, b.binary, "engine", "--addr", "127.0.0.1:0", "--data", filepath.Join(b.dir, "issuer"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, issuer.stop()) }()
	key := auth.NewKey()
	token, err := identityToken(ctx, issuer.addr)
	if err != nil {
		return nil, err
	}
	config, err := b.writeCallers(issuer.addr, key, token)
	if err != nil {
		return nil, err
	}
	known, err := openCallers(ctx, b, "known", config, key)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, known.close()) }()
	return b.callerRates(ctx, bare, known, token)
}

// callerRates measures the rates of acceptance in turns.
func (b *bench) callerRates(ctx context.Context, bare, known *callersFront, token string) ([]row, error) {
	const parameters = `{"parameters":{"tenant":"acme"}}`
	n := b.clientsOr(32)
	rates, err := interleave(ctx, plan{min(rounds, b.n), 1},
		bare.accept(b, n, "", `{"args":["--tenant=acme","--since=2026-01-01"]}`),
		known.accept(b, n, known.credential, parameters), known.accept(b, n, token, parameters))
	if err != nil {
		return nil, err
	}
	without := fmt.Sprintf("`serve` without a configuration, %d clients", n)
	return []row{
		newRow("accepted by API key, policy and parameters", perSecond, rates[1]).beside(without, rates[0]).times(keyTarget),
		newRow("accepted by ID token, policy and parameters", perSecond, rates[2]).beside(without, rates[0]).times(tokenTarget),
	}, nil
}

// writeCallers writes the configuration, and returns its name.
func (b *bench) writeCallers(issuer, key, token string) (string, error) {
	id, _ := auth.KeyID(key)
	subject, err := subjectOf(token)
	if err != nil {
		return "", err
	}
	name := filepath.Join(b.dir, "runwith.yaml")
	return name, os.WriteFile(name, fmt.Appendf(nil, callersConfig, issuer, id, auth.HashKey(key), subject), 0o600)
}

// callersFront is a `runwith serve` with or without a configuration, in front of a recorder.
type callersFront struct {
	front
	credential string // of drain
}

// openCallers starts a front with this name. The caller closes it.
func openCallers(ctx context.Context, b *bench, name, config, credential string) (_ *callersFront, err error) {
	f := &callersFront{front{client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: b.clientsOr(32)}}}, credential}
	if f.recorder, err = startRecorder(ctx); err != nil {
		return nil, err
	}
	args := []string{b.binary, "serve", "--addr", "127.0.0.1:0", "--data", filepath.Join(b.dir, name), "--endpoint", "http://" + f.recorder.addr}
	if config == "" {
		args = append(args, "--allow-unauthenticated")
	} else {
		args = append(args, "--config", config)
	}
	if f.server, err = start(ctx, b.progress, readyLine, args...); err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

// accept measures the rate at which requests with a credential are accepted.
func (f *callersFront) accept(b *bench, clients int, credential, body string) probe {
	return f.accepted(rate(clients, 10*b.n, func(ctx context.Context, _ int) error {
		return f.request(credential, body).send(ctx, f.client)
	}))
}

func (f *callersFront) request(credential, body string) startRequest {
	return startRequest{url: "http://" + f.server.addr + invocationsPath, credential: credential, body: body}
}

// accepted waits after each measurement until the accepted invocations have ended.
func (f *callersFront) accepted(post probe) probe {
	return func(ctx context.Context) (float64, error) {
		perSecond, err := post(ctx)
		client := &runwith.Client{Server: "http://" + f.server.addr}
		if f.credential != "" {
			client.Credential = runwith.APIKey(f.credential)
		}
		return perSecond, errors.Join(err, drainAs(ctx, client))
	}
}

// identityToken returns an ID token of an engine's metadata server.
func identityToken(ctx context.Context, addr string) (string, error) {
	const path = "/computeMetadata/v1/instance/service-accounts/default/identity?audience=bench"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+path, nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("Metadata-Flavor", "Google")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	token, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("get identity token: %s: %s", response.Status, token)
	}
	return strings.TrimSpace(string(token)), err
}

// subjectOf returns the sub of a token.
func subjectOf(token string) (string, error) {
	_, rest, _ := strings.Cut(token, ".")
	payload, _, _ := strings.Cut(rest, ".")
	text, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return "", err
	}
	var claims struct{ Sub string }
	err = json.Unmarshal(text, &claims)
	return claims.Sub, err
}
