// Package metadata is the metadata server that a program finds on Cloud Run: it
// tells project, region and service account, and gives out access tokens. The
// tokens are random and mean nothing to anyone but this machine's engine.
//
// [New] is the server, [NewTokenSource] a client that takes tokens from it and
// from nowhere else.
//
// See https://cloud.google.com/run/docs/container-contract#metadata-server.
package metadata

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"time"
)

// DefaultProjectNumber is the number of a project for which none is given.
const DefaultProjectNumber = "123456789012"

// Config says what the server tells. The zero value works.
type Config struct {
	Project       string // project ID; empty: "demo"
	ProjectNumber string // empty: DefaultProjectNumber
	Region        string // empty: "us-east4"
	// ServiceAccountEmail is the account of the tokens; empty: the project's
	// default one, PROJECT_NUMBER-compute@developer.gserviceaccount.com.
	ServiceAccountEmail string
	// Now is the clock that tokens expire by; nil: time.Now. It may be called
	// concurrently.
	Now func() time.Time
}

func (c Config) withDefaults() Config {
	c.Project = cmp.Or(c.Project, "demo")
	c.ProjectNumber = cmp.Or(c.ProjectNumber, DefaultProjectNumber)
	c.Region = cmp.Or(c.Region, "us-east4")
	c.ServiceAccountEmail = cmp.Or(c.ServiceAccountEmail, c.ProjectNumber+"-compute@developer.gserviceaccount.com")
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// New returns a metadata server, which answers / and what is below
// /computeMetadata/v1/, for as long as it lives with the same instance ID.
func New(c Config) http.Handler {
	c = c.withDefaults()
	return &server{entries: entries(c)}
}

// entries are the server's values by their path below /computeMetadata/v1/.
func entries(c Config) map[string]entry {
	m := map[string]entry{
		"project/project-id":         text(c.Project),
		"project/numeric-project-id": text(c.ProjectNumber),
		"instance/id":                text(newInstanceID()),
		"instance/region":            text("projects/" + c.ProjectNumber + "/regions/" + c.Region),
		// Cloud Run names a zone that the region does not have, too.
		"instance/zone": text("projects/" + c.ProjectNumber + "/zones/" + c.Region + "-1"),
	}
	tokens := &tokens{now: c.Now}
	for _, account := range []string{"default", c.ServiceAccountEmail} {
		dir := "instance/service-accounts/" + account + "/"
		m[dir+"aliases"] = text("default\n")
		m[dir+"email"] = text(c.ServiceAccountEmail)
		m[dir+"scopes"] = text("https://www.googleapis.com/auth/cloud-platform\n")
		m[dir+"token"] = tokens.answer
		m[dir+"identity"] = notServed("identity tokens are not served; access tokens are, at token beside it")
	}
	return m
}

// newInstanceID returns an ID of the form that Cloud Run's instances have.
func newInstanceID() string {
	id := make([]byte, 32)
	rand.Read(id) // never fails
	return hex.EncodeToString(id)
}
