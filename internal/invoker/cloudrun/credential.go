package cloudrun

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"golang.org/x/oauth2/google"

	"github.com/runwith/runwith"
)

// Credential describes the credential of a client, without its secret.
type Credential struct {
	// Kind is what it is, in words.
	Kind string
	// Account is its e-mail address, if it is known.
	Account string
	// Expiry is when its current token expires; zero: it has none.
	Expiry time.Time
}

// CredentialOf finds the credential with which a client of this configuration calls, and
// gets a token. The zero Credential means that calls carry none.
func CredentialOf(ctx context.Context, config Config) (Credential, error) {
	switch {
	case config.Token != nil:
		token, err := config.Token.Token()
		if err != nil {
			return Credential{}, err
		}
		if token.AccessToken == "" {
			return Credential{}, nil
		}
		return Credential{Kind: "token of the engine's metadata server", Expiry: token.Expiry}, nil
	case config.Endpoint != "":
		return Credential{}, nil
	}
	found, err := google.FindDefaultCredentials(ctx, googleScope)
	if err != nil {
		return Credential{}, noCredentials(err)
	}
	c := credentialIn(found.JSON)
	token, err := found.TokenSource.Token()
	if err != nil {
		return c, &runwith.Error{Code: runwith.Unauthenticated, Err: err,
			Message: c.Kind + " gives no token: run `gcloud auth application-default login` again, or check the account behind it"}
	}
	c.Expiry = token.Expiry
	return c, nil
}

// credentialIn reads the kind and the account of a credential's file. Without a file, the
// credential is the metadata server's.
func credentialIn(file []byte) Credential {
	var content struct {
		Type    string `json:"type"`
		Account string `json:"client_email"`
	}
	if len(file) == 0 {
		return Credential{Kind: "service account of the metadata server"}
	}
	_ = json.Unmarshal(file, &content) // the library has read it
	switch content.Type {
	case "authorized_user":
		return Credential{Kind: "login of gcloud (application-default)"}
	case "service_account":
		return Credential{Kind: "key of a service account", Account: content.Account}
	}
	return Credential{Kind: "credential of type " + content.Type, Account: content.Account}
}

// noCredentials is the error if Google's Cloud Run needs credentials and there are none.
func noCredentials(err error) error {
	next := "run `gcloud auth application-default login`, set GOOGLE_APPLICATION_CREDENTIALS, or name another Cloud Run with --endpoint"
	// Google's library has no type for the fault of that file.
	if _, reason, ok := strings.Cut(err.Error(), "using GOOGLE_APPLICATION_CREDENTIALS environment variable: "); ok {
		next = "GOOGLE_APPLICATION_CREDENTIALS must name a file with some that this user can read: " + reason
	}
	return &runwith.Error{Code: runwith.FailedPrecondition, Err: err, Message: "no credentials for Google's Cloud Run: " + next}
}
