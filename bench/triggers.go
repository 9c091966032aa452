package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/runwith/runwith/internal/relay"
)

// triggerTarget bounds an accepted event, as a multiple of a plain acceptance.
const triggerTarget = 1.3

// triggersConfig is the configuration of the row. An event starts the job with the same arguments as
// a request of the caller.
const triggersConfig = `
issuers: {engine: "http://%s"}
callers:
  by-token: {oidc: {issuer: engine, subject: %q, audience: bench}}
jobs:
  ` + jobID + `:
    parameters: {tenant: {type: string, pattern: "^[a-z0-9-]{1,32}$"}}
    args: ["--tenant={tenant}"]
    grants: {by-token: [start, view]}
triggers:
  bench: {type: pubsub, job: ` + jobID + `, callers: [by-token], map: {tenant: /data/tenant}}
`

// triggerParameters is the body of a request with the parameters of the events.
const triggerParameters = `{"parameters":{"tenant":"acme"}}`

// measureTriggers measures events of Pub/Sub beside requests with the same token and parameters, to
// the same server.
func measureTriggers(ctx context.Context, b *bench) (_ []row, err error) {
	issuer, err := start(ctx, b.progress, readyLine, b.binary, "engine", "--addr", "127.0.0.1:0", "--data", filepath.Join(b.dir, "trigger-issuer"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, issuer.stop()) }()
	token, err := identityToken(ctx, issuer.addr)
	if err != nil {
		return nil, err
	}
	config, err := b.writeTriggers(issuer.addr, token)
	if err != nil {
		return nil, err
	}
	f, err := openCallers(ctx, b, "triggered", config, token)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	var rows []row
	for _, n := range []int{1, b.clientsOr(32)} {
		rates, err := interleave(ctx, plan{min(rounds, b.n), 1},
			f.accept(b, n, token, triggerParameters), f.push(b, n, token), f.acceptKeyed(b, n, token))
		if err != nil {
			return nil, err
		}
		const floor = "requests with the same token and parameters"
		rows = append(rows,
			newRow(fmt.Sprintf("events of Pub/Sub accepted, %d clients", n), perSecond, rates[1]).beside(floor, rates[0]).times(triggerTarget),
			newRow(fmt.Sprintf("such requests with a key, %d clients", n), perSecond, rates[2]).beside(floor, rates[0]))
	}
	return rows, nil
}

// writeTriggers writes the configuration, and returns its name.
func (b *bench) writeTriggers(issuer, token string) (string, error) {
	subject, err := subjectOf(token)
	if err != nil {
		return "", err
	}
	name := filepath.Join(b.dir, "triggers.yaml")
	return name, os.WriteFile(name, fmt.Appendf(nil, triggersConfig, issuer, subject), 0o600)
}

// acceptKeyed measures the rate at which requests with new keys are accepted.
func (f *callersFront) acceptKeyed(b *bench, clients int, token string) probe {
	var sent atomic.Int64
	return f.accepted(rate(clients, 10*b.n, func(ctx context.Context, _ int) error {
		r := f.request(token, triggerParameters)
		r.key = fmt.Sprintf("%d-%d", clients, sent.Add(1))
		return r.send(ctx, f.client)
	}))
}

// push measures the rate at which new messages of Pub/Sub are accepted.
func (f *callersFront) push(b *bench, clients int, token string) probe {
	to := relay.Endpoint{
		URL: "http://" + f.server.addr + "/api/v1/triggers/bench", Client: f.client,
		Token: func(context.Context) (string, error) { return token, nil },
	}
	var sent atomic.Int64
	return f.accepted(rate(clients, 10*b.n, func(ctx context.Context, _ int) error {
		body, err := relay.Envelope("projects/demo/subscriptions/bench", &pubsubpb.PubsubMessage{
			Data: []byte(`{"tenant":"acme"}`), MessageId: fmt.Sprintf("%d-%d", clients, sent.Add(1)), PublishTime: timestamppb.Now(),
		}, 0)
		if err != nil {
			return err
		}
		answer, err := to.Push(ctx, body)
		if err == nil && answer.Status != http.StatusAccepted {
			err = fmt.Errorf("event: %d %s", answer.Status, answer.Body)
		}
		return err
	}))
}
