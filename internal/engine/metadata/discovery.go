package metadata

import (
	"encoding/json"
	"net/http"

	"github.com/go-jose/go-jose/v4"
)

const (
	discoveryPath = "/.well-known/openid-configuration"
	certsPath     = "/oauth2/v3/certs"
)

// discovery is the issuer's document for verifiers of identity tokens. It has no login
// endpoint.
//
// See https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata.
type discovery struct {
	Issuer        string   `json:"issuer"`
	JWKSURI       string   `json:"jwks_uri"`
	ResponseTypes []string `json:"response_types_supported"`
	SubjectTypes  []string `json:"subject_types_supported"`
	Algorithms    []string `json:"id_token_signing_alg_values_supported"`
	Claims        []string `json:"claims_supported"`
}

func (a *Authority) serveDiscovery(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, discovery{
		Issuer:        a.config.URL,
		JWKSURI:       a.config.URL + certsPath,
		ResponseTypes: []string{"id_token"},
		SubjectTypes:  []string{"public"},
		Algorithms:    []string{string(jose.RS256)},
		Claims:        []string{"aud", "azp", "email", "email_verified", "exp", "iat", "iss", "sub"},
	})
}

// serveCerts writes the public key of identity tokens.
//
// See https://www.rfc-editor.org/rfc/rfc7517#section-5.
func (a *Authority) serveCerts(w http.ResponseWriter, r *http.Request) {
	key, err := a.identity.use()
	if err != nil {
		unavailable(w, r, a.config.Logger, err)
		return
	}
	writeJSON(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key.Public()}})
}

func writeJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	// The client may be gone.
	_ = json.NewEncoder(w).Encode(value)
}
