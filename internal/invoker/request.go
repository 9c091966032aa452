package invoker

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/jobspec"
	"github.com/runwith/runwith/internal/principal"
)

// MaxKey is the length limit of an Idempotency-Key, in bytes.
const MaxKey = 255

// Request asks to start a job.
type Request struct {
	// Job is the caller's name for it.
	Job string
	// Key is the caller's Idempotency-Key; empty is none. Each principal has its own.
	Key string
	// Asked is what the caller sent. A repeat is compared with it.
	Asked runwith.Request
	// Terms are what policy made of it. Only they have an effect.
	Terms Terms
}

// newRecord returns a request as it is stored, before it is validated against its job.
// The context carries the principal, who owns the invocation and the key.
func (a *accepter) newRecord(ctx context.Context, q Request) (ledger.Record, error) {
	if err := jobspec.ValidateJobID(q.Job); err != nil {
		return ledger.Record{}, err
	}
	if len(q.Key) > MaxKey {
		return ledger.Record{}, invalid("Idempotency-Key", "is longer than %d bytes", MaxKey)
	}
	if err := validateLabels(q.Asked.Labels); err != nil {
		return ledger.Record{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return ledger.Record{}, fmt.Errorf("make invocation ID: %w", err)
	}
	fingerprint, err := ledger.Fingerprint(q.Job, q.Asked)
	if err != nil {
		return ledger.Record{}, err
	}
	caller := principal.From(ctx).Name
	now := ledger.Stored(time.Now())
	return ledger.Record{
		Invocation:  runwith.Invocation{ID: id.String(), Job: q.Job, State: runwith.StateAccepted, Created: now},
		Version:     1,
		Principal:   caller,
		Owner:       ledger.OwnerOf(caller),
		Key:         ledger.KeyOf(caller, q.Key),
		Fingerprint: fingerprint,
		Slot:        a.config.Limits.slotOf(q.Job),
		NotBefore:   now,
	}, nil
}
