package kube

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"sync"
)

// credential identifies the caller to the API server.
type credential struct {
	authorization string           // header; empty for none
	certificate   *tls.Certificate // nil for none; an equal certificate has the same pointer
}

// credentials are a source of credentials. They may be used concurrently.
type credentials interface {
	// get returns the current credential.
	get(ctx context.Context) (credential, error)
	// refused drops a credential that the server did not accept. It reports whether get
	// may now return another one.
	refused(credential) bool
}

// stored are credentials that are given, or in files. Nil fields are absent.
type stored struct {
	token              *source
	certificate, key   *source
	username, password string

	mu      sync.Mutex
	pair    *tls.Certificate
	pairPEM [2][]byte // what pair was made of
}

func (s *stored) get(context.Context) (c credential, err error) {
	if c.authorization, err = s.authorization(); err != nil {
		return c, err
	}
	if s.certificate != nil && s.key != nil {
		c.certificate, err = s.keyPair()
	}
	return c, err
}

func (s *stored) refused(credential) bool {
	token, certificate, key := s.token.forget(), s.certificate.forget(), s.key.forget()
	return token || certificate || key
}

func (s *stored) authorization() (string, error) {
	if s.token != nil {
		token, err := s.token.read()
		if err != nil {
			return "", fmt.Errorf("read token: %w", err)
		}
		return bearer(string(bytes.TrimSpace(token))), nil
	}
	if s.username != "" {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(s.username+":"+s.password)), nil
	}
	return "", nil
}

// keyPair returns the client certificate.
func (s *stored) keyPair() (*tls.Certificate, error) {
	certificate, err := s.certificate.read()
	if err != nil {
		return nil, fmt.Errorf("read client-certificate: %w", err)
	}
	key, err := s.key.read()
	if err != nil {
		return nil, fmt.Errorf("read client-key: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pair != nil && bytes.Equal(certificate, s.pairPEM[0]) && bytes.Equal(key, s.pairPEM[1]) {
		return s.pair, nil
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("client-certificate and client-key: %w", err)
	}
	s.pair, s.pairPEM = &pair, [2][]byte{certificate, key}
	return s.pair, nil
}

func bearer(token string) string { return "Bearer " + token }
