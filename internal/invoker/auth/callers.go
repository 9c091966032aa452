package auth

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/runwith/runwith/internal/invoker/configfile"
)

// callers are the callers of one version of the configuration. They do not change.
type callers struct {
	keys    map[string]apiKey  // by ID
	tokens  map[string][]match // by the URL of the issuer
	fromIAM bool               // Cloud Run verifies tokens
	fromIAP bool               // the Identity-Aware Proxy adds tokens
	empty   bool
}

// apiKey is a configured API key: its hash, caller and expiry.
type apiKey struct {
	caller  string
	hash    [sha256.Size]byte
	expires time.Time // zero: never
}

// newCallers compiles the callers of a file, which has been checked.
func newCallers(f *configfile.File) (*callers, error) {
	all := &callers{
		keys: map[string]apiKey{}, tokens: map[string][]match{},
		fromIAM: f.Verify == configfile.CloudRunIAM, fromIAP: f.Verify == configfile.IAP, empty: len(f.Callers) == 0,
	}
	for _, name := range slices.Sorted(maps.Keys(f.Callers)) {
		for _, key := range f.Callers[name].APIKeys {
			hash, err := hex.DecodeString(key.SHA256)
			if err != nil || len(hash) != sha256.Size {
				return nil, fmt.Errorf("key %s of %s: sha256 must be 64 hexadecimal digits", key.ID, name)
			}
			all.keys[key.ID] = apiKey{name, [sha256.Size]byte(hash), key.Expires.Time}
		}
		for _, token := range f.Callers[name].OIDC {
			issuer := canonical(f.Issuer(token.Issuer))
			all.tokens[issuer] = append(all.tokens[issuer], match{
				caller: name, subject: token.Subject, claims: token.Claims, audiences: token.Audience,
			})
		}
	}
	return all, nil
}

// Google's issuer, and its other spelling, which some tokens have.
const google, googleWithoutScheme = "https://accounts.google.com", "accounts.google.com"

// canonical returns the URL of an issuer.
func canonical(issuer string) string {
	if issuer == googleWithoutScheme {
		return google
	}
	return issuer
}
