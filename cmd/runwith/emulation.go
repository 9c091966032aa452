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

// probeTimeout is how long an engine has to tell about itself.
const probeTimeout = 10 * time.Second

// emulationFlags say which engine stands in for Google's Cloud Run, and for which
// project and region.
type emulationFlags struct {
	endpoint string
	at       jobspec.Location // the engine knows what is empty
}

func (f *emulationFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.endpoint, "endpoint", env("RUNWITH_ENDPOINT", defaultServer), "`URL` of the engine (RUNWITH_ENDPOINT)")
	flags.StringVar(&f.at.Project, "project", "", "project `ID` (default the engine's)")
	flags.StringVar(&f.at.Region, "region", "", "Cloud Run `REGION` (default the engine's)")
}

// address is where the engine is. Google's clients can reach it over plain HTTP
// alone, for it is their proxy.
func (f *emulationFlags) address() (host, port string, err error) {
	u, err := url.Parse(f.endpoint)
	if err != nil || u.Scheme != "http" || u.Hostname() == "" || u.Path != "" && u.Path != "/" || u.User != nil {
		return "", "", misused("--endpoint %q: must be the URL of an engine, such as %s", f.endpoint, defaultServer)
	}
	return u.Hostname(), cmp.Or(u.Port(), "80"), nil
}

// emulation is an engine as Google's clients are to see it.
type emulation struct {
	host, port    string
	at            jobspec.Location
	asksForTokens bool
}

// addr is the engine's HOST:PORT.
func (e *emulation) addr() string { return net.JoinHostPort(e.host, e.port) }

// find asks the engine for what the flags do not say.
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
		return nil, fmt.Errorf("no engine answers at %s (%w): start one with `runwith up`, or name another with --endpoint", f.endpoint, cause(err))
	}
	return e, nil
}

// cause is an error without the request that met it.
func cause(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// locate fills in the engine's own project and region.
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

// orElse is a location with another's project and region where it has none.
func orElse(at, other jobspec.Location) jobspec.Location {
	return jobspec.Location{Project: cmp.Or(at.Project, other.Project), Region: cmp.Or(at.Region, other.Region)}
}

// direct is a client that uses no proxy: those of the environment are for elsewhere.
func direct() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: probeTimeout}
}

// refuses reports whether the engine answers nobody without a token.
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

// variable is one of an environment.
type variable struct{ name, value string }

// variables lead gcloud to the engine, without tokens. The region stands in the
// names of hosts (us-east4-run.localhost), which no name server has to know: the
// engine is the proxy for them.
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
