package callback

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"log/slog"
	"strings"
)

// The prefixes of secrets and of public keys.
// See https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md.
const (
	secretPrefix     = "whsec_"
	privateKeyPrefix = "whsk_"
	publicKeyPrefix  = "whpk_"
)

// The bounds of a symmetric secret, in bytes.
const (
	minSecret = 24
	maxSecret = 64
)

// Secret signs callbacks. It prints as its kind, never as its value. The zero value signs
// nothing.
type Secret struct {
	version string
	sign    func(content []byte) []byte
}

// ParseSecret reads a secret: whsec_ and the base64 of 24 to 64 bytes, or whsk_ and the base64
// of an ed25519 private key (64 bytes) or its seed (32 bytes). Its errors never contain the
// text.
func ParseSecret(text string) (Secret, error) {
	text = strings.TrimSpace(text)
	if encoded, ok := strings.CutPrefix(text, privateKeyPrefix); ok {
		key, err := privateKey(encoded)
		if err != nil {
			return Secret{}, err
		}
		return Secret{"v1a", func(content []byte) []byte { return ed25519.Sign(key, content) }}, nil
	}
	encoded, ok := strings.CutPrefix(text, secretPrefix)
	key, err := base64.StdEncoding.DecodeString(encoded)
	switch {
	case strings.HasPrefix(text, publicKeyPrefix):
		return Secret{}, errors.New("is a public key (whpk_), which cannot sign: use the private key (whsk_)")
	case !ok || err != nil || len(key) < minSecret || len(key) > maxSecret:
		return Secret{}, errors.New("must be whsec_ and the base64 of 24 to 64 bytes, or whsk_ and the base64 of an ed25519 private key; `runwith callbacks secret` makes one")
	}
	return Secret{"v1", func(content []byte) []byte {
		mac := hmac.New(sha256.New, key)
		mac.Write(content)
		return mac.Sum(nil)
	}}, nil
}

// privateKey reads a private key or its seed. A key whose public half is not its own would
// make signatures that no receiver can verify.
func privateKey(encoded string) (ed25519.PrivateKey, error) {
	data, err := base64.StdEncoding.DecodeString(encoded)
	switch {
	case err == nil && len(data) == ed25519.SeedSize:
		return ed25519.NewKeyFromSeed(data), nil
	case err == nil && len(data) == ed25519.PrivateKeySize:
		key := ed25519.NewKeyFromSeed(data[:ed25519.SeedSize])
		if bytes.Equal(key, data) {
			return key, nil
		}
		return nil, errors.New("the halves of the private key (whsk_) do not belong together")
	}
	return nil, errors.New("must be whsk_ and the base64 of an ed25519 private key (64 bytes) or its seed (32 bytes); `runwith callbacks secret --asymmetric` makes one")
}

// Signature returns one element of the header webhook-signature.
func (s Secret) Signature(content []byte) string {
	return s.version + "," + base64.StdEncoding.EncodeToString(s.sign(content))
}

// String returns the kind of the secret, without its value.
func (s Secret) String() string { return "secret (" + s.version + ")" }

// GoString returns what String returns, so that %#v prints no value either.
func (s Secret) GoString() string { return s.String() }

// LogValue returns what String returns.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// NewSecret returns a random symmetric secret.
func NewSecret() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return secretPrefix + base64.StdEncoding.EncodeToString(key)
}

// NewKeyPair returns a random private key, and the public key with which receivers verify.
func NewKeyPair() (private, public string) {
	seed := make([]byte, ed25519.SeedSize)
	_, _ = rand.Read(seed) // never fails
	key := ed25519.NewKeyFromSeed(seed)
	encode := base64.StdEncoding.EncodeToString
	return privateKeyPrefix + encode(key), publicKeyPrefix + encode(key[ed25519.SeedSize:])
}
