package trigger

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

// refused stores a message that failed for good, and answers it. A failure that may pass is
// deferred, and so is one that cannot be stored.
func (s *Triggers) refused(ctx context.Context, t *trigger, d delivery, err error) Answer {
	if !permanent(err) {
		return s.failed(ctx, t, err)
	}
	why := apierror.Public(err)
	e, stored := s.record(ctx, t, d, why)
	if stored != nil {
		return s.failed(ctx, t, stored)
	}
	level := s.log.WarnContext
	if e.Seen > 1 {
		level = s.log.DebugContext
	}
	level(ctx, "event refused", "trigger", t.name, "event", e.ID, "code", e.Code, "detail", e.Message, "seen", e.Seen)
	return Answer{Outcome: refused, Event: e.ID, Code: e.Code, Detail: e.Message, err: err}
}

// record stores a refused message.
func (s *Triggers) record(ctx context.Context, t *trigger, d delivery, why *runwith.Error) (ledger.RefusedEvent, error) {
	now := s.now()
	id, err := s.ids.Next(now)
	if err != nil {
		return ledger.RefusedEvent{}, err
	}
	e := ledger.RefusedEvent{
		ID: id, Trigger: t.name, Job: t.spec.Job, Event: cmp.Or(d.identity, fingerprint(d.body)), Caller: d.sender.Name,
		Received: ledger.Stored(now), Seen: 1, Code: why.Code.String(), Message: why.Error(),
		ContentType: d.header.Get("Content-Type"), Header: t.kept(d.message), Body: d.body, Size: d.size,
	}
	e, dropped, err := s.events.AddEvent(ctx, e.Bounded())
	s.counters.drop(t, dropped)
	return e, err
}

// fingerprint stands in for the identity of a message that has none that can be read, so that
// one that arrives again is not stored again.
func fingerprint(body []byte) string {
	if len(body) == 0 {
		return ""
	}
	hash := sha256.Sum256(body)
	return "sha256:" + hex.EncodeToString(hash[:16])
}

// idField keeps the ID of a webhook, which only its signature has proved.
const idField = "Runwith-Event-Id"

// kept returns the headers that decoding needs. Repeated ones are kept as one that decoding
// refuses.
func (t *trigger) kept(m message) map[string]string {
	kept := map[string]string{}
	for name, values := range m.header {
		if t.source.keeps(name) && len(values) == 1 {
			kept[name] = values[0]
		}
	}
	if m.id != "" {
		kept[idField] = m.id
	}
	return kept
}

// Retry starts the job for a refused event, as its trigger is now. It checks neither the age
// nor when: a person has decided. The event's key still starts the job once.
func (s *Triggers) Retry(ctx context.Context, e ledger.RefusedEvent) (runwith.Invocation, bool, error) {
	t := s.find(e.Trigger)
	switch {
	case t == nil:
		return runwith.Invocation{}, false, runwith.Errorf(runwith.FailedPrecondition,
			"there is no trigger %s any more: add it to the configuration again, or start the job %s yourself", e.Trigger, e.Job)
	case !e.Whole():
		return runwith.Invocation{}, false, runwith.Errorf(runwith.FailedPrecondition,
			"the body of the event, of %d bytes, was too large to be stored: let its source send it again, or start the job %s yourself", e.Size, e.Job)
	}
	m := message{header: http.Header{}, body: e.Body, id: e.Header[idField]}
	for name, value := range e.Header {
		m.header.Set(name, value)
	}
	if e.ContentType != "" {
		m.header.Set("Content-Type", e.ContentType)
	}
	decoded, err := t.source.decode(m)
	if err != nil {
		return runwith.Invocation{}, false, err
	}
	identity, err := t.identityOf(decoded)
	if err != nil {
		return runwith.Invocation{}, false, err
	}
	return s.launch(ctx, t, decoded, identity, nil)
}
