package trigger

import (
	"fmt"
	"net/http"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cause"
	"github.com/runwith/runwith/internal/guard"
	"github.com/runwith/runwith/internal/jobspec"
	"github.com/runwith/runwith/internal/principal"
)

// sender returns who sends the request of a trigger; t is nil if there is no such trigger.
// A caller that is not listed gets the answer of an unknown trigger, so that it cannot find out
// names. A webhook with a secret needs no caller: its signature is checked later, so anybody can
// find out its name.
func (s *Triggers) sender(r *http.Request, name string, t *trigger) (p principal.Principal, err error) {
	if t == nil || len(t.spec.Callers) > 0 {
		if p, err = s.authenticate(r); err != nil {
			return p, err
		}
	}
	switch {
	case t == nil, len(t.spec.Callers) > 0 && !t.admits(p):
		if t != nil {
			s.logStranger(r, name, p)
		}
		return p, runwith.Errorf(runwith.NotFound, "there is no trigger %s for caller %s: check the name, and that triggers.%s.callers lists the caller",
			jobspec.Quote(name), p, printable(name))
	case p.Name == "" && t.verifier == nil && t.unasked(r):
		return p, &runwith.Error{Code: runwith.InvalidArgument, Err: cause.ContentType, Message: fmt.Sprintf(
			"Content-Type %.100q: a web page could send that, so a request without a credential must have another type, such as application/json", r.Header.Get("Content-Type"))}
	}
	return p, nil
}

// logStranger logs a caller that is not one of a trigger's, at a bounded rate.
func (s *Triggers) logStranger(r *http.Request, name string, p principal.Principal) {
	if attrs, ok := s.strangers.Take(s.now(), "trigger", name, "caller", p.String()); ok {
		s.log.WarnContext(r.Context(), "caller is not one of the trigger's callers", attrs...)
	}
}

// unasked reports whether a web page could send such a request without asking the server.
func (t *trigger) unasked(r *http.Request) bool {
	proof := t.source.proof()
	return guard.Unasked(r.Header) && (proof == "" || len(r.Header[proof]) == 0)
}

// printable returns the name of a trigger for a hint, or NAME for what cannot be one.
func printable(name string) string {
	for _, c := range []byte(name) {
		if c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return "NAME"
		}
	}
	return name
}
