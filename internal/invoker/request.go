package invoker

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/jobspec"
	"github.com/runwith/runwith/internal/principal"
)

// MaxAhead is how far ahead a start may be.
const MaxAhead = 30 * 24 * time.Hour

// MaxKey is the length limit of an Idempotency-Key, in bytes.
const MaxKey = 255

// Request asks to start a job.
type Request struct {
	// Job is the caller's name for it.
	Job string
	// Key is the caller's Idempotency-Key; empty is none. Each principal has its own.
	Key string
	// Asked is what the caller asks for. A repeat is compared with it.
	Asked runwith.Request
	// Source is what asks instead of a caller; nil if a caller does. Its key alone makes a repeat:
	// nothing else is compared.
	Source *runwith.Source
	// RerunOf is the invocation that this one runs again, if any. Changes are then what the
	// caller sent; a repeat is compared with them, and not with the values of that invocation,
	// which the caller may not know.
	RerunOf string
	Changes runwith.Request
	// Kept names what a rerun with a whole request keeps of the earlier one; empty for others.
	Kept string
	// Terms are what policy made of it. Only they have an effect.
	Terms Terms
}

// newRecord returns a request as it is stored, before it is validated against its job.
// The context carries the principal, who owns the invocation and the key.
func (a *accepter) newRecord(ctx context.Context, q Request) (ledger.Record, error) {
	if err := q.validate(a.now()); err != nil {
		return ledger.Record{}, err
	}
	if a.config.Ephemeral && a.until(q.Terms.StartAt) > 0 {
		return ledger.Record{}, invalid("startAt", "this server keeps nothing that waits (--store=ephemeral): send the request when the job is to start")
	}
	now := ledger.Stored(a.now())
	id, err := a.ids.Next(now)
	if err != nil {
		return ledger.Record{}, err
	}
	asked, err := json.Marshal(q.Asked)
	if err != nil {
		return ledger.Record{}, fmt.Errorf("encode request: %w", err)
	}
	fingerprint, err := q.fingerprint(asked)
	if err != nil {
		return ledger.Record{}, err
	}
	caller := principal.From(ctx).Name
	return ledger.Record{
		Invocation: runwith.Invocation{
			ID: id, Job: q.Job, Caller: caller, Labels: q.labels(), State: runwith.StateAccepted, Created: now,
			Source: q.Source, RerunOf: q.RerunOf,
		},
		Version:     1,
		Owner:       ledger.OwnerOf(caller),
		Key:         ledger.KeyOf(caller, q.Key),
		Fingerprint: fingerprint,
		Asked:       asked,
		Target:      cmp.Or(q.Terms.Target, q.Job),
		Slot:        q.Terms.Slot.StoredKey(),
		SlotLimit:   q.Terms.Slot.Limit,
		Keep:        q.Terms.Keep,
		KeyKeep:     q.Terms.KeyKeep,
		StartAt:     ledger.Stored(q.Terms.StartAt),
		Subscribers: q.Terms.Subscribers,
		Trace:       traceOf(ctx, q.Terms),
		NotBefore:   now,
	}, nil
}

// fingerprint returns what a repeat must have in common with the request. asked is the JSON
// of Asked.
func (q Request) fingerprint(asked []byte) (string, error) {
	switch {
	case q.Source != nil && q.Key != "":
		return ledger.SourceFingerprint(ledger.SourceName(q.Source))
	case q.RerunOf == "":
		return ledger.Fingerprint(q.Job, asked)
	}
	changes, err := json.Marshal(q.Changes)
	if err != nil {
		return "", fmt.Errorf("encode changes: %w", err)
	}
	return ledger.RerunFingerprint(q.Job, changes, strings.TrimSpace(q.RerunOf+" "+q.Kept))
}

// labels returns the labels of the invocation.
func (q Request) labels() map[string]string {
	if q.Terms.Labels == nil {
		return q.Asked.Labels
	}
	return q.Terms.Labels
}

// validate checks what no policy decides.
func (q Request) validate(now time.Time) error {
	if err := jobspec.ValidateJobID(q.Job); err != nil {
		return err
	}
	if err := validateTarget(cmp.Or(q.Terms.Target, q.Job)); err != nil {
		return err
	}
	if len(q.Key) > MaxKey {
		return invalid("Idempotency-Key", "is longer than %d bytes", MaxKey)
	}
	if q.Terms.StartAt.Sub(now) > MaxAhead+ledger.ClockSkew {
		return invalid("startAt", "is more than 30 days ahead: send the request later")
	}
	return ledger.CheckLabels(q.labels())
}

// validateTarget checks the name of a Cloud Run job: an ID, or a full resource name.
func validateTarget(target string) error {
	if !strings.Contains(target, "/") {
		return jobspec.ValidateJobID(target)
	}
	_, err := jobspec.ParseJob(target)
	return err
}
