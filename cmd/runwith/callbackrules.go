package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/callback"
	"github.com/runwith/runwith/internal/invoker/configfile"
	"github.com/runwith/runwith/internal/invoker/schedule"
)

// loopback returns the addresses that `up` opens for callbacks: a developer's receiver is on
// the same machine.
func loopback() []string { return []string{"127.0.0.0/8", "::1"} }

// endpointsOf returns the endpoints of a configuration file. Its error has all mistakes with
// their places in the file.
func endpointsOf(file *configfile.File, allowed callback.Allowed) (*callback.Endpoints, error) {
	check := file.Check()
	rules := callback.Rules{Allowed: allowed}
	for i, c := range file.Callbacks {
		at := configfile.Path("callbacks").Index(i)
		one := callback.Endpoint{Name: c.Endpoint(), URL: c.URL, Secrets: parseSecrets(check, at, c.Secret), Jobs: c.Jobs, Labels: c.Labels}
		one.Events, _ = callback.ParseEvents(c.Events) // the file's reader knows the names
		rules.Endpoints = append(rules.Endpoints, one)
	}
	if r := file.RequestCallbacks; r != nil {
		secrets := parseSecrets(check, "requestCallbacks", r.Secret)
		if len(r.Hosts) > 0 { // the file's reader reports that there is none
			rules.Requests = &callback.Requests{Hosts: r.Hosts, Secrets: secrets}
			rules.Requests.Events, _ = callback.ParseEvents(r.Events)
		}
	}
	if err := check.Err(); err != nil {
		return nil, err
	}
	endpoints, err := callback.New(rules)
	if err == nil {
		return endpoints, nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			if f, ok := errors.AsType[callback.FaultError](one); ok {
				check.Addf(faultPath(f), "%s", f.Text)
			}
		}
	}
	return nil, check.Err()
}

// faultPath returns the place of a fault in the file.
func faultPath(f callback.FaultError) configfile.Path {
	if f.Index < 0 {
		return configfile.Path("requestCallbacks").Field(f.Field)
	}
	return configfile.Path("callbacks").Index(f.Index).Field(f.Field)
}

// parseSecrets reads the secrets of an endpoint, and reports those that cannot sign. A secret
// that was left unread (config check --without-secrets) counts as a good one, and so does the
// secret of an endpoint without any, because the file's reader has reported that.
func parseSecrets(check *configfile.Checker, at configfile.Path, references []configfile.Secret) (secrets []callback.Secret) {
	if len(references) == 0 {
		references = []configfile.Secret{{}}
	}
	for _, reference := range references {
		secret, err := callback.ParseSecret(cmp.Or(reference.Value(), callback.NewSecret()))
		if err != nil {
			check.Addf(at.Field("secret"), "the %v %v", reference, err)
		}
		secrets = append(secrets, secret)
	}
	return secrets
}

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
		text, err = []byte(made), os.WriteFile(file, []byte(made+"\n"), 0o600)
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

// delivering is an invoker whose tick also starts the slots of schedules and delivers the events
// that are due.
type delivering struct {
	*invoker.Invoker
	sender    *callback.Sender
	schedules *schedule.Schedules
}

// slotsWithin and deliverWithin limit the time for slots and deliveries in one tick. The next
// tick handles the others.
const (
	slotsWithin   = 20 * time.Second
	deliverWithin = 25 * time.Second
)

// Tick implements [api.Upkeep].
func (d *delivering) Tick(ctx context.Context) (invoker.Outstanding, error) {
	starting, cancel := context.WithTimeout(ctx, slotsWithin)
	d.schedules.Start(starting)
	cancel()
	left, err := d.Invoker.Tick(ctx)
	ctx, cancel = context.WithTimeout(ctx, deliverWithin)
	defer cancel()
	d.sender.Deliver(ctx)
	return left, err
}
