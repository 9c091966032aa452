package cloudrun

import (
	"errors"
	"log/slog"
	"net"
	"net/url"

	"golang.org/x/oauth2"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/jobspec"
)

// Config is the Cloud Run to call, and the credential for it.
type Config struct {
	// Endpoint is empty for Google's Cloud Run, or http://HOST:PORT for one
	// without TLS on this machine.
	Endpoint string
	// AllowPlainHTTP allows an Endpoint on another machine, without a Token. Others on the
	// network between can read and change every call.
	AllowPlainHTTP bool
	// Project and Region own the jobs. Both are required.
	Project, Region string
	// Token is sent with every call. If it is nil, calls to Google's Cloud Run use
	// Application Default Credentials, and calls to one on this machine carry none. An
	// empty token is no credential either.
	Token oauth2.TokenSource
	// Logger takes the outcome of each run, at debug level; nil drops it. Requests and
	// tokens are never logged.
	Logger *slog.Logger
}

// Validate reports all faults. Each is a [runwith.Error] with INVALID_ARGUMENT.
func (c Config) Validate() error {
	var faults []error
	if c.Project == "" {
		faults = append(faults, fault("project: is required, name the one that owns the jobs"))
	}
	if c.Region == "" {
		faults = append(faults, fault("region: is required, such as us-east4"))
	}
	if len(faults) == 0 {
		_, err := jobspec.ParseLocation(c.location().String())
		faults = append(faults, err)
	}
	if c.Endpoint != "" {
		_, err := c.plainHost()
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

func (c Config) location() jobspec.Location {
	return jobspec.Location{Project: c.Project, Region: c.Region}
}

// plainHost returns HOST:PORT of an endpoint without TLS.
func (c Config) plainHost() (string, error) {
	u, err := url.Parse(c.Endpoint)
	if err != nil || u.Scheme != "http" || u.Hostname() == "" || u.User != nil ||
		(u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.Fragment != "" {
		return "", fault("endpoint: must be http://HOST:PORT, or empty for Google's Cloud Run, not %q", c.Endpoint)
	}
	switch {
	case loopback(u.Hostname()):
	case c.Token != nil:
		return "", fault("endpoint: %s is not this machine: no credential goes over plain HTTP except to loopback", u.Host)
	case !c.AllowPlainHTTP:
		return "", fault("endpoint: %s is not this machine: plain HTTP is for loopback alone, such as http://127.0.0.1:8080", u.Host)
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	return net.JoinHostPort(u.Hostname(), port), nil
}

// IsElsewhere reports whether the endpoint is on another machine, without TLS.
func (c Config) IsElsewhere() bool {
	u, err := url.Parse(c.Endpoint)
	return err == nil && u.Scheme == "http" && !loopback(u.Hostname())
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func fault(format string, args ...any) error {
	return runwith.Errorf(runwith.InvalidArgument, format, args...)
}
