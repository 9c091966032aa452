package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/runwith/runwith/internal/durablefile"
	"github.com/runwith/runwith/internal/invoker/callback"
)

// loopback returns the addresses that `up` opens for callbacks: a developer's receiver is on
// the same machine.
func loopback() []string { return []string{"127.0.0.0/8", "::1"} }

// callbackSecret is the file in the data folder of `up` with the secret that signs callbacks
// to URLs of requests.
const callbackSecret = "callback-secret"

// developmentRules let requests name URLs of this machine. They make the secret when they are
// first needed, and return whether they did.
func developmentRules(data string, allowed callback.Allowed) (_ callback.Rules, made string, err error) {
	file := filepath.Join(data, callbackSecret)
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		made = callback.NewSecret()
		text, err = []byte(made), durablefile.Write(file, []byte(made+"\n"), 0o600)
	}
	if err != nil {
		return callback.Rules{}, "", fmt.Errorf("open secret of callbacks: %w", err)
	}
	secret, err := callback.ParseSecret(string(text))
	if err != nil {
		return callback.Rules{}, "", fmt.Errorf("%s: the secret of callbacks %w", file, err)
	}
	return callback.Rules{
		Allowed:  allowed,
		Requests: &callback.Requests{Hosts: []string{"127.0.0.1", "localhost", "[::1]"}, Secrets: []callback.Secret{secret}},
	}, made, nil
}

// openCallbacks begins to deliver events. Without a configuration file, events go nowhere, or
// with `up` to URLs of this machine that requests name.
func (s *invokerStack) openCallbacks(ctx context.Context, data string, f invokerFlags, logger *slog.Logger) error {
	endpoints, err := s.firstEndpoints(data, f)
	if err != nil {
		return err
	}
	s.sender, err = callback.Open(ctx, callback.Config{Store: s.store, Endpoints: endpoints, Logger: logger, Version: version(), Attempted: s.deliverySpans(f.tracer)})
	if err != nil {
		return err
	}
	if s.callers != nil {
		s.callers.sender.Store(s.sender)
	}
	return nil
}

func (s *invokerStack) firstEndpoints(data string, f invokerFlags) (*callback.Endpoints, error) {
	if s.callers != nil {
		return s.callers.endpoints.Load(), nil
	}
	allowed, err := f.allowed()
	if err != nil || f.development == nil {
		return nil, err
	}
	rules, made, err := developmentRules(data, allowed)
	if err != nil {
		return nil, err
	}
	*f.development = made
	return callback.New(rules)
}
