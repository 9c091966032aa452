package auth

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/runwith/runwith/internal/metrics"
	"github.com/runwith/runwith/internal/principal"
)

// logUseEvery is how often the use of a credential is logged. The log so shows when one was
// last used, to the day, also after restarts.
const logUseEvery = 24 * time.Hour

// credentialUse is a caller's credential: an API key by its ID, or the tokens of an issuer.
type credentialUse struct{ caller, kind, id string }

// uses has when each credential was last used since the start. There are as many as in the
// configurations since then.
type uses struct {
	mu   sync.Mutex
	last map[credentialUse]*use
}

type use struct{ at, logged time.Time }

// add notes the use of a credential, and logs it now and then.
func (u *uses) add(ctx context.Context, log *slog.Logger, c credentialUse, now time.Time) {
	if u.note(c, now) {
		log.InfoContext(ctx, "credential is in use", "caller", c.caller, "credential", c.kind+" "+c.id)
	}
}

// note reports whether the use is to be logged.
func (u *uses) note(c credentialUse, now time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.last == nil {
		u.last = map[credentialUse]*use{}
	}
	if u.last[c] == nil {
		u.last[c] = &use{}
	}
	of := u.last[c]
	of.at = now
	if now.Sub(of.logged) < logUseEvery {
		return false
	}
	of.logged = now
	return true
}

// all returns the last uses.
func (u *uses) all() map[credentialUse]use {
	u.mu.Lock()
	defer u.mu.Unlock()
	all := make(map[credentialUse]use, len(u.last))
	for c, of := range maps.All(u.last) {
		all[c] = *of
	}
	return all
}

// newCounter returns the counter of requests by their result.
func newCounter() *metrics.Counter {
	c := metrics.NewCounter("runwith_auth_requests_total", "Requests to the invoker, by how they were authenticated or why not.", "result")
	for _, result := range []string{accepted(principal.APIKey), accepted(principal.Token), reasonKey, reasonExpired, reasonMissing} {
		c = c.With(result)
	}
	return c
}

// accepted returns the result of requests with a proof.
func accepted(p principal.Proof) string {
	switch p {
	case principal.APIKey:
		return "api_key"
	case principal.Token:
		return "id_token"
	case principal.CloudRunIAM:
		return "cloud_run_iam"
	case principal.Local:
		return "local"
	}
	return "anonymous"
}

// Metrics returns what the server reports: the results of requests, the last use of each
// credential since the start, and the reads of issuers' keys.
func (a *Authenticator) Metrics() []metrics.Metric {
	return []metrics.Metric{
		a.requests.Metric(),
		{
			Name: "runwith_auth_credential_last_used_timestamp_seconds", Labels: []string{"caller", "credential"},
			Help: "Last use of each API key, and of the ID tokens of each issuer, since the start, in seconds since 1970.",
			Read: func(context.Context) (samples []metrics.Sample, err error) {
				for c, of := range a.uses.all() {
					samples = append(samples, metrics.Sample{Labels: []string{c.caller, c.id}, Value: float64(of.at.Unix())})
				}
				return samples, nil
			},
		},
		{
			Name: "runwith_auth_issuer_reads_total", Kind: metrics.CounterKind, Labels: []string{"issuer"},
			Help: "Reads of the keys of an issuer of ID tokens, failed ones included.",
			Read: func(context.Context) (samples []metrics.Sample, err error) {
				a.eachIssuer(func(issuer string, reads int, _ bool) {
					samples = append(samples, metrics.Sample{Labels: []string{issuer}, Value: float64(reads)})
				})
				return samples, nil
			},
		},
		{
			Name: "runwith_auth_issuer_up", Labels: []string{"issuer"},
			Help: "Whether the last read of the keys of an issuer of ID tokens succeeded; 1 before the first.",
			Read: func(context.Context) (samples []metrics.Sample, err error) {
				a.eachIssuer(func(issuer string, _ int, failed bool) {
					up := 1.0
					if failed {
						up = 0
					}
					samples = append(samples, metrics.Sample{Labels: []string{issuer}, Value: up})
				})
				return samples, nil
			},
		},
	}
}

func (a *Authenticator) eachIssuer(do func(issuer string, reads int, failed bool)) {
	a.mu.Lock()
	sets := maps.Clone(a.sets)
	a.mu.Unlock()
	for issuer, set := range sets {
		reads, failed := set.counts()
		do(issuer, reads, failed)
	}
}
