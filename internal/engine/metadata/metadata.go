// Package metadata is the metadata server that a program finds on Cloud Run: it
// tells project, region and service account, and gives out access tokens and
// identity tokens. They mean nothing to anyone but this server: they are made with
// keys of its own, and say so.
//
// [Authority] is the server, what it publishes of its keys, and the judge of its
// tokens. [NewTokenSource] is a client that takes tokens from such a server and
// from nowhere else.
//
// See https://cloud.google.com/run/docs/container-contract#metadata-server.
package metadata

import (
	"cmp"
	"log/slog"
	"strings"
	"time"
)

// DefaultProjectNumber is the number of a project for which none is given.
const DefaultProjectNumber = "123456789012"

// Config says what the server tells, and where its keys are. The zero value works.
type Config struct {
	Project       string // project ID; empty: "demo"
	ProjectNumber string // digits; empty: DefaultProjectNumber
	Region        string // empty: "us-east4"
	// ServiceAccountEmail is the account of the tokens; empty: the project's
	// default one, PROJECT_NUMBER-compute@developer.gserviceaccount.com.
	ServiceAccountEmail string
	// URL is where the server is reached, http://HOST:PORT. It is the issuer of the
	// identity tokens. Empty: http://127.0.0.1:8080.
	URL string
	// Dir is the folder that keeps the keys; it is made with mode 0700 when there is
	// a key. One server at a time may use it. Empty: the keys end with the Authority.
	Dir string
	// Now is the clock that tokens expire by; nil: time.Now. It may be called
	// concurrently.
	Now func() time.Time
	// Logger hears why a token could not be made; nil discards.
	Logger *slog.Logger
}

func (c Config) withDefaults() Config {
	c.Project = cmp.Or(c.Project, "demo")
	c.ProjectNumber = cmp.Or(c.ProjectNumber, DefaultProjectNumber)
	c.Region = cmp.Or(c.Region, "us-east4")
	c.ServiceAccountEmail = cmp.Or(c.ServiceAccountEmail, c.ProjectNumber+"-compute@developer.gserviceaccount.com")
	c.URL = strings.TrimSuffix(cmp.Or(c.URL, "http://127.0.0.1:8080"), "/")
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// zone is a zone's name. Cloud Run names one that the region does not have, too.
func (c Config) zone() string { return c.Region + "-1" }
