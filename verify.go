package runwith

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// CallbackTolerance is how old or new the timestamp of a callback may be.
const CallbackTolerance = 5 * time.Minute

// The headers of a callback.
// See https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md.
const (
	headerWebhookID        = "webhook-id"
	headerWebhookTimestamp = "webhook-timestamp"
	headerWebhookSignature = "webhook-signature"
)

// VerifyCallback returns the event in a callback if the invoker has signed it with one of the
// secrets within the last five minutes. body must be the raw body of the request, because a
// JSON object that was decoded and encoded again has other bytes.
//
// A secret is what the endpoint was configured with (whsec_...), or the public key of the
// endpoint's private key (whpk_...). During a rotation, pass the old secret and the new one.
//
// Errors: [Unauthenticated] if a header is missing, the timestamp is not within
// [CallbackTolerance], or no signature matches; [InvalidArgument] if a secret is malformed or
// the signed body is not an event. Its [Code.HTTPStatus] is a suitable answer.
func VerifyCallback(header http.Header, body []byte, secrets ...string) (*Event, error) {
	return verifyCallback(header, body, time.Now(), secrets)
}

func verifyCallback(header http.Header, body []byte, now time.Time, secrets []string) (*Event, error) {
	for _, name := range []string{headerWebhookID, headerWebhookTimestamp, headerWebhookSignature} {
		if header.Get(name) == "" {
			return nil, Errorf(Unauthenticated, "header %s is missing: the request is not a callback", name)
		}
	}
	id, timestamp := header.Get(headerWebhookID), header.Get(headerWebhookTimestamp)
	signatures := strings.Fields(header.Get(headerWebhookSignature))
	if err := checkTimestamp(timestamp, now); err != nil {
		return nil, err
	}
	content := append([]byte(id+"."+timestamp+"."), body...)
	signed, err := signedByAny(content, signatures, secrets)
	if err != nil {
		return nil, err
	}
	if !signed {
		return nil, Errorf(Unauthenticated, "%s: no signature matches; check the secret, and that the body is the request's raw body", headerWebhookSignature)
	}
	event := &Event{ID: id}
	if err := json.Unmarshal(body, event); err != nil {
		return nil, &Error{Code: InvalidArgument, Message: "the body is signed, but is not an event of runwith", Err: err}
	}
	return event, nil
}

// checkTimestamp refuses old callbacks, which somebody may have recorded and sent again.
func checkTimestamp(timestamp string, now time.Time) error {
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return Errorf(Unauthenticated, "%s: must be a number of seconds", headerWebhookTimestamp)
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > CallbackTolerance || age < -CallbackTolerance {
		return Errorf(Unauthenticated, "%s: differs by more than %v from this machine's clock", headerWebhookTimestamp, CallbackTolerance)
	}
	return nil
}

// signedByAny reports whether one of the secrets has made one of the signatures. It looks at
// all secrets, so that a malformed one is noticed before it is needed.
func signedByAny(content []byte, signatures, secrets []string) (signed bool, err error) {
	if len(secrets) == 0 {
		return false, Errorf(InvalidArgument, "secrets: at least one is required")
	}
	for i, secret := range secrets {
		verifies, err := verifier(secret)
		if err != nil {
			return false, Errorf(InvalidArgument, "secret %d: %v", i+1, err)
		}
		for _, signature := range signatures {
			version, encoded, _ := strings.Cut(signature, ",")
			bare, err := base64.StdEncoding.DecodeString(encoded)
			if err == nil && verifies(version, bare, content) {
				signed = true
			}
		}
	}
	return signed, nil
}

// verifier returns a function that reports whether a secret has made a signature. Its errors
// do not contain the secret.
func verifier(secret string) (func(version string, signature, content []byte) bool, error) {
	if encoded, ok := strings.CutPrefix(secret, "whpk_"); ok {
		key, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil || len(key) != ed25519.PublicKeySize {
			return nil, Errorf(InvalidArgument, "must be whpk_ and the base64 of %d bytes", ed25519.PublicKeySize)
		}
		return func(version string, signature, content []byte) bool {
			return version == "v1a" && ed25519.Verify(key, content, signature)
		}, nil
	}
	encoded, ok := strings.CutPrefix(secret, "whsec_")
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(key) < 24 || len(key) > 64 {
		return nil, Errorf(InvalidArgument, "must be whsec_ and the base64 of 24 to 64 bytes, or a public key that begins with whpk_")
	}
	return func(version string, signature, content []byte) bool {
		mac := hmac.New(sha256.New, key)
		mac.Write(content)
		return version == "v1" && hmac.Equal(signature, mac.Sum(nil))
	}, nil
}
