package auth

import (
	"slices"

	"github.com/runwith/runwith"
)

// match describes the tokens of a caller.
type match struct {
	caller    string
	subject   string            // empty: any
	claims    map[string]string // all must be there
	audiences []string          // one of them
}

// means reports whether the token is about this caller, whatever its audience.
func (m match) means(c claims) bool {
	if m.subject != "" && c.word("sub") != m.subject {
		return false
	}
	for name, want := range m.claims {
		if got, ok := c.text(name); !ok || got != want || name == "email" && !c.hasVerifiedEmail() {
			return false
		}
	}
	return true
}

// hasVerifiedEmail reports whether the issuer has verified the address. Otherwise the token's
// owner may have chosen it. The Identity-Aware Proxy has the addresses of Google accounts, and
// puts the name of any other identity provider before an address.
func (c claims) hasVerifiedEmail() bool {
	verified, _ := c.text("email_verified")
	return verified == "true" || c.word("iss") == iap
}

// meets reports whether the token is meant for this server.
func (m match) meets(c claims) bool {
	return slices.ContainsFunc(c.audiences(), func(aud string) bool { return slices.Contains(m.audiences, aud) })
}

// conditions returns how many conditions the match has. The match with most of them applies,
// so a caller can be an exception from a more general one.
func (m match) conditions() (n int) {
	if m.subject != "" {
		n++
	}
	return n + len(m.claims)
}

// callerOf returns the caller of a token whose signature and times are valid.
func callerOf(matches []match, issuer string, c claims) (string, *refusal) {
	meant, best, tied := false, match{}, false
	for _, m := range matches {
		if !m.means(c) {
			continue
		}
		meant = true
		switch {
		case !m.meets(c):
		case best.caller == "" || m.conditions() > best.conditions():
			best, tied = m, false
		case m.conditions() == best.conditions() && m.caller != best.caller:
			tied = true
		}
	}
	switch {
	case tied:
		return "", refuse(reasonCaller, runwith.Unauthenticated,
			"the ID token fits several callers of this server equally well: its operator must add a claim to one of them")
	case best.caller != "":
		return best.caller, nil
	case meant:
		return "", refuse(reasonAudience, runwith.Unauthenticated,
			"the ID token is for another audience, %s: ask for one whose audience (aud) this server accepts%s", quoteAll(c.audiences()), hintAtGcloud(c))
	}
	return "", refuse(reasonCaller, runwith.Unauthenticated,
		"the ID token of %s is none of a caller of this server: its subject (sub) is %s", issuer, quote(c.word("sub")))
}

// gcloudClient is the audience of the tokens that gcloud makes for a user. Nobody can choose
// it, so every server that such a token is sent to could use it here.
const gcloudClient = "32555940559.apps.googleusercontent.com"

func hintAtGcloud(c claims) string {
	if slices.Contains(c.audiences(), gcloudClient) {
		return "; gcloud makes tokens for an audience only for a service account (--impersonate-service-account)"
	}
	return ""
}

func quoteAll(texts []string) string {
	all := ""
	for i, text := range texts {
		if i == 3 {
			return all + ", ..."
		}
		if i > 0 {
			all += ", "
		}
		all += quote(text)
	}
	if all == "" {
		return "none"
	}
	return all
}
