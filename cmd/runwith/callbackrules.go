package main

import (
	"cmp"
	"errors"

	"github.com/runwith/runwith/internal/invoker/callback"
	"github.com/runwith/runwith/internal/invoker/configfile"
)

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
