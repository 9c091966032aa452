// Package metadata is the metadata server of Cloud Run. It serves project, region and
// service account, and issues access tokens and identity tokens. The tokens are signed
// with the server's own keys and valid only for this server.
//
// [Authority] is the server. It also publishes the public key and checks tokens.
// [NewTokenSource] is a client that gets tokens only from such a server.
//
// See https://cloud.google.com/run/docs/container-contract#metadata-server.
package metadata

import (
	"cmp"
	"log/slog"
	"strings"
	"time"
)

// DefaultProjectNumber is the project number if none is configured.
const DefaultProjectNumber = "123456789012"

// Config configures an [Authority]. The zero value works.
type Config struct {
	Project       string // project ID; empty: "demo"
	ProjectNumber string // digits; empty: DefaultProjectNumber
	Region        string // empty: "us-east4"
	// ServiceAccountEmail is the account of the tokens; empty: the project's default
	// account, PROJECT_NUMBER-compute@developer.gserviceaccount.com.
	ServiceAccountEmail string
	// URL is the base URL of the server, http://HOST:PORT, and the issuer of identity
	// tokens. Empty: http://127.0.0.1:8080.
	URL string
	// Dir is the folder of the keys. It is created with mode 0700 for the first key. Only
	// one server at a time may use it. Empty: the keys end with the Authority.
	Dir string
	// Now is the clock for the expiry of tokens; nil: time.Now. It may be called
	// concurrently.
	Now func() time.Time
	// Logger logs why a token could not be issued; nil discards.
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

// zone returns the zone. It need not exist in the region; Cloud Run's does not either.
func (c Config) zone() string { return c.Region + "-1" }
