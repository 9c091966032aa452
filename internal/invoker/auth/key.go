package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"hash/crc32"
	"math/big"
	"strings"

	"github.com/runwith/runwith"
)

// An API key is rw_ID_SECRET, where SECRET ends with a checksum of all before it. Scanners
// for leaked secrets find the prefix, and the checksum rules out accidents. Only letters,
// digits and _ are in it, so that a double click selects all of it.
const (
	keyPrefix   = "rw_"
	keyIDLength = 6 // of new keys
	maxKeyID    = 32
	// secretLength is 256 bits in base 62, and sumLength is a CRC-32.
	secretLength, sumLength = 43, 6
)

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// NewKey returns a new API key with a random ID and a secret of 256 bits.
func NewKey() string {
	secret := make([]byte, 32)
	rand.Read(secret) // never fails
	body := keyPrefix + randomID() + "_" + inBase62(new(big.Int).SetBytes(secret), secretLength)
	return body + checksum(body)
}

// KeyID returns the ID of an API key, which is not secret. It reports whether the text has
// the form of a key, with a checksum that fits. It looks nothing up.
func KeyID(text string) (id string, ok bool) {
	rest, ok := strings.CutPrefix(text, keyPrefix)
	id, secret, cut := strings.Cut(rest, "_")
	if !ok || !cut || id == "" || len(id) > maxKeyID || len(secret) != secretLength+sumLength || !isBase62(id+secret) {
		return "", false
	}
	body := text[:len(text)-sumLength]
	return id, checksum(body) == text[len(body):]
}

// findKey returns the ID of the first API key in a text, and whether there is one.
func findKey(text string) (id string, ok bool) {
	for {
		at := strings.Index(text, keyPrefix)
		if at < 0 {
			return "", false
		}
		text = text[at:]
		end := len(keyPrefix) + strings.IndexByte(text[len(keyPrefix):], '_') + 1 + secretLength + sumLength
		if end <= len(text) {
			if id, ok := KeyID(text[:end]); ok {
				return id, true
			}
		}
		text = text[len(keyPrefix):]
	}
}

// HashKey returns the SHA-256 of an API key in hexadecimal, which is what the configuration
// has of it. A secret of 256 random bits needs no slow hash.
func HashKey(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// checksum returns the CRC-32 of a text in base 62.
func checksum(text string) string {
	return inBase62(new(big.Int).SetUint64(uint64(crc32.ChecksumIEEE([]byte(text)))), sumLength)
}

// inBase62 returns a number with leading zeros.
func inBase62(n *big.Int, length int) string {
	digits, base, digit := make([]byte, length), big.NewInt(int64(len(base62))), new(big.Int)
	for i := length - 1; i >= 0; i-- {
		n.DivMod(n, base, digit)
		digits[i] = base62[digit.Int64()]
	}
	return string(digits)
}

func isBase62(text string) bool { return strings.Trim(text, base62) == "" }

// randomID returns the ID of a new key.
func randomID() string {
	id := make([]byte, keyIDLength)
	for i := range id {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(base62))))
		if err != nil {
			panic(err) // crypto/rand never fails
		}
		id[i] = base62[n.Int64()]
	}
	return string(id)
}

// errKey is the one answer to an unknown and to a wrong key, so that it tells nobody which
// keys exist.
func errKey() *refusal {
	return refuse(reasonKey, runwith.Unauthenticated,
		"the API key is not one of this server's: it may be revoked, or belong to another server")
}
