package metadata

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/go-jose/go-jose/v4"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/durablefile"
)

const (
	rsaBits     = 2048 // the size of Google's keys
	secretBytes = 32   // the size of an HMAC-SHA256
)

// keyFile is a key that is created when first needed and kept in a file as a JSON Web
// Key. It is safe for concurrent use.
type keyFile struct {
	path      string // empty: keep the key only in memory
	algorithm jose.SignatureAlgorithm
	make      func() (any, error)

	mu  sync.Mutex
	key *jose.JSONWebKey
}

func newSecret() (any, error) {
	secret := make([]byte, secretBytes)
	rand.Read(secret) // never fails
	return secret, nil
}

func newSigningKey() (any, error) { return rsa.GenerateKey(rand.Reader, rsaBits) }

// known returns the key, or nil if there is none yet.
func (f *keyFile) known() *jose.JSONWebKey {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.key
}

// use returns the key and creates it if there is none.
func (f *keyFile) use() (*jose.JSONWebKey, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.key != nil {
		return f.key, nil
	}
	key, err := f.create()
	if err != nil {
		return nil, fmt.Errorf("make key for %s: %w", f.algorithm, err)
	}
	f.key = key
	return key, nil
}

// read reads the key from the file, if it exists.
func (f *keyFile) read() error {
	if f.path == "" {
		return nil
	}
	raw, err := os.ReadFile(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("read key: %w", err)
	}
	key := new(jose.JSONWebKey)
	err = json.Unmarshal(raw, key)
	if err == nil {
		err = f.check(key)
	}
	if err != nil {
		return &runwith.Error{Code: runwith.FailedPrecondition, Err: err, Message: fmt.Sprintf(
			"key file %s: %v; remove it and start again: the server then creates a new key and refuses earlier tokens", f.path, err)}
	}
	f.key = key
	return nil
}

// check checks that a key from the file is as strong as one from create.
func (f *keyFile) check(key *jose.JSONWebKey) error {
	strong := false
	switch secret := key.Key.(type) {
	case []byte:
		strong = f.algorithm == jose.HS256 && len(secret) >= secretBytes
	case *rsa.PrivateKey:
		strong = f.algorithm == jose.RS256 && secret.N.BitLen() >= rsaBits
	}
	if !strong || key.KeyID == "" || key.Algorithm != string(f.algorithm) {
		return fmt.Errorf("is not a private key for %s", f.algorithm)
	}
	return nil
}

// create makes a key and writes it to the file before its first use.
func (f *keyFile) create() (*jose.JSONWebKey, error) {
	secret, err := f.make()
	if err != nil {
		return nil, err
	}
	key := &jose.JSONWebKey{Key: secret, KeyID: rand.Text(), Algorithm: string(f.algorithm), Use: "sig"}
	if f.path == "" {
		return key, nil
	}
	raw, err := json.Marshal(key)
	if err != nil {
		return nil, err
	}
	return key, writeSecret(f.path, append(raw, '\n'))
}

// writeSecret writes a file that only its owner may read, and makes its folder.
func writeSecret(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return durablefile.Write(path, data, 0o600)
}
