package trigger

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/configfile"
)

// signature is how a webhook signs its events.
type signature struct {
	header, prefix string
	list           bool // of elements such as v1,SIGNATURE, of which one must match
	decode         func(string) ([]byte, error)

	idHeader, timestampHeader string // empty: it sends none
	dated                     bool   // ID and time are signed before the body
	tolerance                 time.Duration

	keys []key
}

// The headers of the presets. See
// https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries and
// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md.
const (
	githubSignature   = "X-Hub-Signature-256"
	standardSignature = "Webhook-Signature"
	standardTimestamp = "Webhook-Timestamp"
)

// newVerifier returns the verifier of a webhook with a secret. Its errors have no secret. A
// secret that was not read, because somebody checks the file elsewhere, verifies nothing.
func newVerifier(spec configfile.Trigger) (verifier, error) {
	s := newSignature(spec)
	for i, secret := range spec.Secret {
		if secret.Value() == "" {
			continue
		}
		k, err := newKey(secret.Value(), s.list)
		if err != nil {
			return nil, runwith.Errorf(runwith.InvalidArgument, "secret[%d]: %v", i, err)
		}
		s.keys = append(s.keys, k)
	}
	return s, nil
}

// newSignature returns the signature that a trigger describes, without its keys.
func newSignature(spec configfile.Trigger) signature {
	switch {
	case spec.Preset == configfile.GitHub:
		return signature{header: githubSignature, prefix: "sha256=", decode: hex.DecodeString, idHeader: githubDelivery}
	case spec.Preset == configfile.StandardWebhook || spec.Signature == nil:
		return signature{
			header: standardSignature, list: true, decode: base64.StdEncoding.Strict().DecodeString,
			idHeader: standardID, timestampHeader: standardTimestamp, dated: true, tolerance: time.Duration(configfile.DefaultTolerance),
		}
	}
	g := spec.Signature
	s := signature{
		header: g.Header, prefix: g.Prefix, decode: hex.DecodeString, idHeader: g.IDHeader, timestampHeader: g.TimestampHeader,
		dated: g.Signed == configfile.SignedIDAndTime, tolerance: time.Duration(cmp.Or(g.Tolerance, configfile.DefaultTolerance)),
	}
	if g.Encoding == configfile.Base64 {
		s.decode = base64.StdEncoding.Strict().DecodeString
	}
	return s
}

// unproved returns the error for a request whose sender is unknown.
func unproved(format string, args ...any) error {
	return runwith.Errorf(runwith.Unauthenticated, format, args...)
}

// verify implements [verifier].
func (s signature) verify(header http.Header, body []byte, now time.Time) (id string, err error) {
	proofs, err := s.proofs(header)
	if err != nil {
		return "", err
	}
	if id, err = s.id(header); err != nil {
		return "", err
	}
	content := [][]byte{body}
	var sent int64
	if s.dated {
		var timestamp string
		if timestamp, sent, err = s.timestamp(header); err != nil {
			return "", err
		}
		content = [][]byte{[]byte(id + "." + timestamp + "."), body}
	}
	if !signed(s.keys, content, proofs) {
		return "", unproved("%s: no secret of the trigger has made this signature: compare the secrets of both sides, and sign the bytes of the body as they are sent", s.header)
	}
	if s.dated {
		err = s.checkTime(sent, now)
	}
	return id, err
}

// id returns the ID of an event. A signed one has no dots, because the parts of what is signed
// could otherwise be divided in other places.
func (s signature) id(header http.Header) (string, error) {
	if s.idHeader == "" {
		return "", nil
	}
	id, err := single(header, s.idHeader)
	switch {
	case err != nil || !s.dated:
		return id, err
	case id == "":
		return "", unproved("the header %s is missing: it has the ID that is signed", s.idHeader)
	case strings.Contains(id, "."):
		return "", unproved("%s: the ID must not have dots, because it is signed with dots around it", s.idHeader)
	}
	return id, nil
}
