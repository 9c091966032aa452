package doctor

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/runwith/runwith/internal/invoker/auth"
	"github.com/runwith/runwith/internal/invoker/configfile"
)

// issuers reports whether the issuers of tokens publish their keys.
func (e *examination) issuers(ctx context.Context) {
	used := map[string]bool{}
	for _, caller := range e.File.Callers {
		for _, tokens := range caller.OIDC {
			used[e.File.Issuer(tokens.Issuer)] = true
		}
	}
	if e.File.Verify == configfile.CloudRunIAM {
		return // Cloud Run verifies
	}
	for _, issuer := range slices.Sorted(maps.Keys(used)) {
		if auth.IsIAP(issuer) {
			e.proxy(ctx, issuer)
			continue
		}
		e.issuer(ctx, issuer)
	}
}

// proxy examines the keys of the Identity-Aware Proxy, which has no discovery document.
func (e *examination) proxy(ctx context.Context, issuer string) {
	status, body, err := e.read(ctx, auth.IAPKeys)
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	switch {
	case err != nil:
		e.problem("issuer", issuer, "its keys at %s cannot be read, so its tokens are refused: %v", auth.IAPKeys, withoutURL(err))
	case status != http.StatusOK || json.Unmarshal(body, &set) != nil || len(set.Keys) == 0:
		e.problem("issuer", issuer, "%s answers %d without keys, so its tokens are refused: check the proxies between here and Google", auth.IAPKeys, status)
	default:
		e.ok("issuer", issuer, "publishes its keys")
	}
}

// issuer examines the discovery document of an issuer.
func (e *examination) issuer(ctx context.Context, issuer string) {
	status, body, err := e.read(ctx, strings.TrimSuffix(issuer, "/")+"/.well-known/openid-configuration")
	var discovery struct {
		Issuer string `json:"issuer"`
	}
	switch {
	case err != nil:
		e.problem("issuer", issuer, "cannot be reached, so its tokens are refused: %v", withoutURL(err))
	case status != http.StatusOK:
		e.problem("issuer", issuer, "answers %d for its discovery document: correct the URL", status)
	case json.Unmarshal(body, &discovery) != nil || discovery.Issuer != issuer:
		e.problem("issuer", issuer, "calls itself %q, so its tokens are refused: write that in the configuration file", discovery.Issuer)
	default:
		e.ok("issuer", issuer, "publishes its keys")
	}
}

// audiences compares the audiences of callers with the server's URL, which is the audience
// that clients of runwith send.
func (e *examination) audiences() {
	if e.Server == "" {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(e.File.Callers)) {
		var accepted []string
		for _, tokens := range e.File.Callers[name].OIDC {
			accepted = append(accepted, tokens.Audience...)
		}
		switch {
		case len(accepted) == 0:
		case slices.ContainsFunc(accepted, e.isServer):
			e.ok("audience", name, "tokens for %s are accepted", e.Server)
		case slices.ContainsFunc(accepted, isNoURL):
			e.ok("audience", name, "accepts tokens for %s; runwith run --identity-token sends %s, which is not among them", strings.Join(accepted, ", "), e.Server)
		default:
			e.problem("audience", name, "accepts tokens for %s, and not for %s: add that URL to audience, or give the right --server",
				strings.Join(accepted, ", "), e.Server)
		}
	}
}

func (e *examination) isServer(audience string) bool {
	return strings.TrimSuffix(audience, "/") == strings.TrimSuffix(e.Server, "/")
}

// isNoURL reports whether an audience is a word that people chose.
func isNoURL(audience string) bool {
	u, err := url.Parse(audience)
	return err != nil || u.Host == ""
}
