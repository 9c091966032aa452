package auth

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	// minBetween is the shortest time between two reads of an issuer's keys, also after a
	// failure. Tokens with unknown keys cannot make more.
	minBetween = 30 * time.Second
	// minBetweenFirst applies while there are no keys at all.
	minBetweenFirst = 5 * time.Second
	// minRSA is the smallest RSA key, in bits.
	minRSA = 2048
)

// algorithms are the signature algorithms of tokens. None of them is symmetric: with those,
// everybody who knows the public key could sign.
func algorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{
		jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
	}
}

var (
	errUnknownKey = errors.New("the issuer publishes no key with this ID")
	errSignature  = errors.New("the signature does not fit")
)

// keysUnavailableError is the error while no keys are known.
type keysUnavailableError struct {
	cause error
	after time.Duration // until the next try
}

func (e *keysUnavailableError) Error() string { return "keys cannot be read: " + e.cause.Error() }
func (e *keysUnavailableError) Unwrap() error { return e.cause }

// keySet has the keys of an issuer and implements go-oidc's KeySet. It reads them when they
// are first needed, again when they become old, and when a token has an unknown key, but at
// most once in minBetween. All requests share one read. If a read fails, the keys stay.
type keySet struct {
	issuer string
	client *http.Client
	log    *slog.Logger
	now    func() time.Time

	mu        sync.Mutex
	keys      []jose.JSONWebKey
	version   int       // grows with each successful read
	due       time.Time // the keys are read again in the background from then on,
	stale     time.Time // and before they are used from then on
	attempted time.Time
	running   chan struct{} // closed when the current read ends; nil: none
	err       error         // of the last read
	reads     int
}

// VerifySignature returns the payload of a token that one of the keys has signed.
func (s *keySet) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	jws, err := jose.ParseSignedCompact(token, algorithms())
	if err != nil {
		return nil, err
	}
	if err := s.refresh(ctx); err != nil {
		return nil, err
	}
	header := jws.Signatures[0].Header
	keys := s.named(header.KeyID)
	if len(keys) == 0 {
		s.read(ctx, minBetween)
		if keys = s.named(header.KeyID); len(keys) == 0 {
			return nil, errUnknownKey
		}
	}
	for _, key := range keys {
		if key.Algorithm != "" && key.Algorithm != header.Algorithm {
			continue
		}
		if payload, err := jws.Verify(&key); err == nil {
			return payload, nil
		}
	}
	return nil, errSignature
}

// named returns the keys with an ID. Without an ID, a set with a single key has that one.
func (s *keySet) named(id string) (keys []jose.JSONWebKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range s.keys {
		if key.KeyID == id && id != "" || id == "" && len(s.keys) == 1 {
			keys = append(keys, key)
		}
	}
	return keys
}

// currentVersion identifies the keys, so that a token can be remembered while they stay.
func (s *keySet) currentVersion() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.now().Before(s.due) {
		return -1 // the keys are to be read again first
	}
	return s.version
}

// refresh reads keys that are missing or old. It fails only if there are none.
func (s *keySet) refresh(ctx context.Context) error {
	s.mu.Lock()
	now, missing := s.now(), len(s.keys) == 0
	due, stale := !now.Before(s.due), !now.Before(s.stale)
	s.mu.Unlock()
	switch {
	case missing:
		s.read(ctx, minBetweenFirst)
	case stale:
		s.read(ctx, minBetween)
	case due:
		s.begin(minBetween)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.keys) > 0 {
		return nil
	}
	return &keysUnavailableError{
		cause: cmp.Or(s.err, ctx.Err(), errors.New("they are being read")),
		after: max(time.Second, minBetweenFirst-s.now().Sub(s.attempted)),
	}
}

// read reads the keys unless that was done within the time, and waits for the end.
func (s *keySet) read(ctx context.Context, between time.Duration) {
	if running := s.begin(between); running != nil {
		select {
		case <-running:
		case <-ctx.Done():
		}
	}
}

// begin starts to read the keys unless that was done within the time. It returns a channel
// that is closed at the end of the current read, or nil.
func (s *keySet) begin(between time.Duration) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running != nil {
		return s.running
	}
	if now := s.now(); s.attempted.IsZero() || now.Sub(s.attempted) >= between {
		s.attempted, s.running = now, make(chan struct{})
		s.reads++
		go s.run(s.running)
		return s.running
	}
	return nil
}

// run reads the keys. No caller's context ends it, because all callers share it.
func (s *keySet) run(done chan struct{}) {
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	defer cancel()
	keys, keep, err := fetchKeys(ctx, s.client, s.issuer)
	s.mu.Lock()
	s.running, s.err = nil, err
	if err == nil {
		now := s.now()
		s.keys, s.due, s.stale = keys, now.Add(keep), now.Add(2*keep)
		s.version++
	}
	known := len(s.keys)
	s.mu.Unlock()
	close(done)
	if err != nil {
		s.log.WarnContext(ctx, "cannot read the keys of an issuer of ID tokens", "issuer", s.issuer, "known_keys", known, "error", err)
		return
	}
	s.log.DebugContext(ctx, "read the keys of an issuer of ID tokens", "issuer", s.issuer, "keys", known, "for", keep)
}

// counts returns how often the keys were read, and whether the last read failed.
func (s *keySet) counts() (reads int, failed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads, s.err != nil
}

// verifies reports whether a key may verify signatures: it is public, of an asymmetric
// kind, and strong enough.
func verifies(key jose.JSONWebKey) bool {
	if !key.Valid() || !key.IsPublic() || key.Use != "" && key.Use != "sig" {
		return false
	}
	if key.Algorithm != "" && !slices.Contains(algorithms(), jose.SignatureAlgorithm(key.Algorithm)) {
		return false
	}
	switch public := key.Key.(type) {
	case *rsa.PublicKey:
		return public.N.BitLen() >= minRSA
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return true
	}
	return false
}
