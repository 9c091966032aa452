package configfile

import (
	"maps"
	"net/url"
	"slices"
	"time"

	"github.com/runwith/runwith/internal/suggest"
)

// check finds the mistakes that no single field shows.
func (f *File) check() error {
	c := f.Check()
	keys := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(f.Callers)) {
		f.checkCaller(c, name, keys)
	}
	for _, name := range slices.Sorted(maps.Keys(f.Issuers)) {
		if builtInIssuer(name) != "" {
			c.Addf(Path("issuers").Field(name), "is built in, and cannot be changed: choose another name")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.Jobs)) {
		at := Path("jobs").Field(name).Field("grants")
		for _, caller := range slices.Sorted(maps.Keys(f.Jobs[name].Grants)) {
			if _, known := f.Callers[caller]; !known && caller != Anonymous {
				c.Addf(at.Field(caller), "is not one of the callers%s", didYouMean(caller, f.Callers))
			}
		}
	}
	f.checkTriggers(c)
	f.checkSchedules(c)
	f.checkCallbacks(c)
	f.checkBudgets(c)
	return c.Err()
}

// checkCaller checks one caller. The keys are those of the callers before it.
func (f *File) checkCaller(c *Checker, name string, keys map[string]string) {
	caller, at := f.Callers[name], Path("callers").Field(name)
	if name == Anonymous {
		c.Addf(at, "means requests without a credential, so no caller can have the name")
	}
	if _, closed := f.places.at[at.Field("apiKeys")]; !closed && len(caller.OIDC) == 0 {
		c.Addf(at, "has neither apiKeys nor oidc, so nobody can be this caller; if you mean that, write apiKeys: []")
	}
	live := 0
	for i, key := range caller.APIKeys {
		if other := keys[key.ID]; other != "" {
			c.Addf(at.Field("apiKeys").Index(i).Field("id"), "is also the ID of a key of %s: each key needs its own", other)
		}
		keys[key.ID] = name
		if key.Expires.IsZero() || key.Expires.After(time.Now()) {
			live++
		}
	}
	if live > 2 {
		c.Addf(at.Field("apiKeys"), "has %d keys that have not expired: at most two are allowed, the old and the new one", live)
	}
	for i, token := range caller.OIDC {
		f.checkOIDC(c, token, at, i, len(caller.OIDC))
	}
}

func (f *File) checkOIDC(c *Checker, token OIDC, caller Path, i, of int) {
	at := caller.Field("oidc")
	if _, indexed := f.places.at[at.Index(i)]; of > 1 || indexed {
		at = at.Index(i)
	}
	if token.Subject == "" && len(token.Claims) == 0 {
		c.Addf(at, "needs subject or claims: without them it accepts everybody with a token of this issuer")
	}
	if url := f.Issuer(token.Issuer); !isURL(url) {
		known := map[string]string{"google": "", "github": "", "iap": ""}
		maps.Copy(known, f.Issuers)
		c.Addf(at.Field("issuer"), "must be google, github, iap, a name below issuers, or an https URL%s", didYouMean(token.Issuer, known))
	}
}

func (f *File) checkCallbacks(c *Checker) {
	for i, callback := range f.Callbacks {
		at := Path("callbacks").Index(i)
		for j, job := range callback.Jobs {
			if _, known := f.Jobs[job]; !known {
				c.Addf(at.Field("jobs").Index(j), "is not one of the jobs%s", didYouMean(job, f.Jobs))
			}
		}
	}
}

// Endpoint returns the name of the endpoint: by default its URL without what may be a secret,
// because names are in logs and metrics.
func (c Callback) Endpoint() string {
	u, err := url.Parse(c.URL)
	if c.Name != "" || err != nil {
		return c.Name
	}
	u.User, u.RawQuery, u.ForceQuery, u.Fragment = nil, "", false, ""
	return u.String()
}

// didYouMean returns a hint at the known name nearest to an unknown one.
func didYouMean[T any](name string, known map[string]T) string {
	if near := suggest.Nearest(name, slices.Sorted(maps.Keys(known))); near != "" {
		return "; did you mean " + near + "?"
	}
	return ""
}
