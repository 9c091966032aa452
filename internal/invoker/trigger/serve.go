package trigger

import (
	"context"
	"errors"
	"net/http"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/cause"
	"github.com/runwith/runwith/internal/principal"
)

// Pattern is the route of triggers, for [http.ServeMux].
const Pattern = "/api/v1/triggers/{name}"

// ServeHTTP answers the request of a source.
func (s *Triggers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	t := s.find(name)
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		apierror.WriteProblem(w, &runwith.Error{
			Code: runwith.Unimplemented, Err: cause.MethodNotAllowed, Message: "a trigger takes no " + r.Method + "; it takes POST",
		})
		return
	}
	sender, err := s.sender(r, name, t)
	if err != nil {
		s.counters.count(t, denied)
		writeDenied(w, r, err)
		return
	}
	a := s.receive(w, r, t, sender)
	s.counters.count(t, a.Outcome)
	a.write(w, t)
}

// receive reads a message, and starts its job.
func (s *Triggers) receive(w http.ResponseWriter, r *http.Request, t *trigger, sender principal.Principal) Answer {
	room := part{room: &s.room}
	defer room.release()
	d := delivery{sender: sender, message: message{header: r.Header}}
	var err error
	d.body, d.size, err = readBody(w, r, t, &room)
	if errors.Is(err, errNoRoom) {
		return s.failed(r.Context(), t, err)
	}
	if t.verifier != nil {
		if err != nil { // nobody knows who has sent it, so it is not stored
			return Answer{Outcome: denied, err: err}
		}
		if d.id, err = t.verifier.verify(r.Header, d.body, s.now()); err != nil {
			return Answer{Outcome: denied, err: err}
		}
	}
	if err != nil {
		return s.refused(r.Context(), t, d, err)
	}
	return s.start(r.Context(), t, d)
}

// delivery is a message as it arrived.
type delivery struct {
	message
	sender   principal.Principal
	size     int64
	identity string // of its event; empty: unknown
}

// start starts the job for a message.
func (s *Triggers) start(ctx context.Context, t *trigger, d delivery) Answer {
	e, err := t.source.decode(d.message)
	if err != nil {
		return s.refused(ctx, t, d, err)
	}
	if !t.matches(e) {
		return Answer{Outcome: ignored}
	}
	if d.identity, err = t.identityOf(e); err != nil {
		return s.refused(ctx, t, d, err)
	}
	v, repeats, err := s.launch(ctx, t, e, d.identity, checkAge(e.at, s.now()))
	switch {
	case err != nil:
		return s.refused(ctx, t, d, err)
	case repeats:
		return Answer{Outcome: repeated, Invocation: v.ID}
	}
	return Answer{Outcome: accepted, Invocation: v.ID}
}
