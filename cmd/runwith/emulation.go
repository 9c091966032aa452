package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path"
	"time"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith/internal/engine/metadata"
	"github.com/runwith/runwith/internal/jobspec"
)

// probeTimeout is how long the engine may take to return its project and region.
const probeTimeout = 10 * time.Second

// emulationFlags choose the engine that replaces Google's Cloud Run, a project and a
// region.
type emulationFlags struct {
	endpoint string
	at       jobspec.Location // empty fields are the engine's
}

func (f *emulationFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.endpoint, "endpoint", env("RUNWITH_ENDPOINT", defaultServer), "`URL` of the engine (RUNWITH_ENDPOINT)")
	flags.StringVar(&f.at.Project, "project", "", "project `ID` (default: the engine's)")
	flags.StringVar(&f.at.Region, "region", "", "Cloud Run `REGION` (default: the engine's)")
}

// address returns the engine's host and port. The engine is the proxy of Google's
// clients, so its URL must be plain HTTP.
func (f *emulationFlags) address() (host, port string, err error) {
	u, err := url.Parse(f.endpoint)
	if err != nil || u.Scheme != "http" || u.Hostname() == "" || u.Path != "" && u.Path != "/" || u.User != nil {
		return "", "", misused("--endpoint %q: must be the URL of an engine, such as %s", f.endpoint, defaultServer)
	}
	return u.Hostname(), cmp.Or(u.Port(), "80"), nil
}

// emulation is an engine as Google's clients see it.
type emulation struct {
	host, port    string
	at            jobspec.Location
	asksForTokens bool
}

// addr returns the engine's HOST:PORT.
func (e *emulation) addr() string { return net.JoinHostPort(e.host, e.port) }

// find asks the engine for its project, its region, and whether it requires tokens.
func (f *emulationFlags) find(ctx context.Context) (*emulation, error) {
	host, port, err := f.address()
	if err != nil {
		return nil, err
	}
	e := &emulation{host: host, port: port, at: f.at}
	client := direct()
	err = e.locate(ctx, client)
	if err == nil {
		e.asksForTokens, err = e.refuses(ctx, client)
	}
	_, decided := errors.AsType[*exitError](err)
	switch {
	case decided:
		return nil, err
	case err != nil && ctx.Err() != nil:
		return nil, &exitError{code: exitInterrupted}
	case err != nil:
		return nil, fmt.Errorf("no engine answers at %s (%w): start one with `runwith up`, or set --endpoint", f.endpoint, cause(err))
	}
	return e, nil
}

// cause returns an error without the request that it belongs to.
func cause(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// locate sets the project and region that the flags leave unset.
func (e *emulation) locate(ctx context.Context, client *http.Client) error {
	own, err := locationOf(ctx, client, e.addr())
	if err != nil {
		return err
	}
	e.at = orElse(e.at, own)
	_, err = jobspec.ParseLocation(e.at.String())
	return usage(err)
}

// locationOf asks the engine at HOST:PORT for its own project and region.
func locationOf(ctx context.Context, client *http.Client, addr string) (at jobspec.Location, err error) {
	if at.Project, err = metadata.Value(ctx, client, addr, "project/project-id"); err != nil {
		return at, err
	}
	region, err := metadata.Value(ctx, client, addr, "instance/region")
	at.Region = path.Base(region) // projects/NUMBER/regions/REGION
	return at, err
}

// orElse returns a location, with another's project and region for unset ones.
func orElse(at, other jobspec.Location) jobspec.Location {
	return jobspec.Location{Project: cmp.Or(at.Project, other.Project), Region: cmp.Or(at.Region, other.Region)}
}

// direct returns a client that ignores the environment's proxies.
func direct() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: probeTimeout}
}

// refuses reports whether the engine requires a token.
func (e *emulation) refuses(ctx context.Context, client *http.Client) (bool, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+e.addr()+"/v2/"+e.at.String()+"/jobs?pageSize=1", http.NoBody)
	if err != nil {
		return false, err
	}
	response, err := client.Do(r)
	if err != nil {
		return false, err
	}
	return response.StatusCode == http.StatusUnauthorized, response.Body.Close()
}

// variable is a variable of an environment.
type variable struct{ name, value string }

// variables returns the variables that make gcloud call the engine. gcloud puts the
// region into host names (us-east4-run.localhost). They need no name server, because
// the engine is gcloud's proxy.
func (e *emulation) variables() []variable {
	host := e.host
	if ip := net.ParseIP(host); ip != nil && ip.To4() == nil {
		host = "[" + host + "]" // gcloud makes a URL of it
	}
	return []variable{
		{"CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN", "http://run.localhost/"},
		{"CLOUDSDK_API_ENDPOINT_OVERRIDES_LOGGING", "http://logging.localhost/"},
		{"CLOUDSDK_API_ENDPOINT_OVERRIDES_SERVICEUSAGE", "http://serviceusage.localhost/"},
		{"CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDRESOURCEMANAGER", "http://cloudresourcemanager.localhost/"},
		{"CLOUDSDK_PROXY_TYPE", "http"},
		{"CLOUDSDK_PROXY_ADDRESS", host},
		{"CLOUDSDK_PROXY_PORT", e.port},
		{"CLOUDSDK_AUTH_DISABLE_CREDENTIALS", fmt.Sprint(!e.asksForTokens)},
		{"CLOUDSDK_CORE_PROJECT", e.at.Project},
		{"CLOUDSDK_RUN_REGION", e.at.Region},
		{"CLOUDSDK_CORE_DISABLE_USAGE_REPORTING", "true"},
		{"CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK", "true"},
		{"CLOUDSDK_SURVEY_DISABLE_PROMPTS", "true"},
	}
}
