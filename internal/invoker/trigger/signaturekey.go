package trigger

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
)

// The versions of signatures: HMAC-SHA256 and ed25519.
const v1, v1a = "v1", "v1a"

// minSecret is the length of the shortest secret, in bytes. A shorter one can be guessed from
// one signed event.
const minSecret = 16

// key verifies signatures.
type key struct {
	secret []byte            // of an HMAC
	public ed25519.PublicKey // nil: it is an HMAC
}

// newKey reads a secret: that of Standard Webhooks, or text. Its errors do not contain it.
func newKey(secret string, standard bool) (key, error) {
	if !standard {
		if len(secret) < minSecret {
			return key{}, errors.New("must have at least 16 bytes, because a shorter one can be guessed; `openssl rand -hex 32` makes one")
		}
		return key{secret: []byte(secret)}, nil
	}
	if encoded, ok := strings.CutPrefix(secret, "whpk_"); ok {
		public, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil || len(public) != ed25519.PublicKeySize {
			return key{}, errors.New("must be whpk_ and the base64 of an ed25519 public key (32 bytes)")
		}
		return key{public: public}, nil
	}
	encoded, ok := strings.CutPrefix(secret, "whsec_")
	bare, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(bare) < 24 || len(bare) > 64 {
		return key{}, errors.New("must be whsec_ and the base64 of 24 to 64 bytes, or a public key (whpk_); `runwith callbacks secret` makes one")
	}
	return key{secret: bare}, nil
}

// signed reports whether one of the keys has made one of the signatures of the content.
func signed(keys []key, content [][]byte, proofs []proof) (found bool) {
	for _, k := range keys {
		if k.signed(content, proofs) {
			found = true
		}
	}
	return found
}

func (k key) signed(content [][]byte, proofs []proof) (found bool) {
	if k.public != nil {
		whole := bytes.Join(content, nil)
		for _, p := range proofs {
			found = found || p.version == v1a && ed25519.Verify(k.public, whole, p.bytes)
		}
		return found
	}
	mac := hmac.New(sha256.New, k.secret)
	for _, part := range content {
		_, _ = mac.Write(part) // never fails
	}
	sum := mac.Sum(nil)
	for _, p := range proofs {
		found = p.version == v1 && hmac.Equal(p.bytes, sum) || found
	}
	return found
}
