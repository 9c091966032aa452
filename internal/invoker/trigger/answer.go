package trigger

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/invoker/configfile"
)

// Outcomes of a request, which are values of a metric's label.
const (
	accepted = "accepted" // the job starts
	repeated = "repeated" // the event has started the job before
	ignored  = "ignored"  // another event than the trigger starts the job for
	refused  = "refused"  // it can never start the job, and is stored
	deferred = "deferred" // the source should send it again
	denied   = "denied"   // its sender may not send events
)

// Answer is what the source of a message gets.
type Answer struct {
	Outcome    string `json:"outcome" enum:"accepted,repeated,ignored,refused" doc:"What became of the event."`
	Invocation string `json:"invocation,omitempty" doc:"ID of the invocation that the event has started."`
	Event      string `json:"event,omitempty" doc:"ID of the refused event (runwith events show)."`
	Code       string `json:"code,omitempty" doc:"Canonical code of the reason of a refusal."`
	Detail     string `json:"detail,omitempty" doc:"Why the event was refused."`

	err error // answers with its own status
}

// write writes the answer: 2xx acknowledges the event, after every other status the source
// sends it again.
func (a Answer) write(w http.ResponseWriter, t *trigger) {
	if a.err != nil && (a.Outcome != refused || t.spec.Refuse == configfile.Nack) {
		apierror.WriteProblem(w, a.err)
		return
	}
	status := http.StatusOK
	if a.Outcome == accepted {
		status = http.StatusAccepted
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(a) // the sender may have left
}

// failed answers a message with a status after which the source sends it again. The source may be
// anybody, if there was no room to read what proves it: so lines are logged at a bounded rate.
func (s *Triggers) failed(ctx context.Context, t *trigger, err error) Answer {
	err = apierror.Ended(ctx, err)
	shown := apierror.Public(err)
	if attrs, ok := t.deferrals.Take(s.now(), "trigger", t.name, "code", shown.Code.String(), "detail", shown.Error(), "cause", shown.Err); ok {
		s.log.WarnContext(ctx, "event deferred", attrs...)
	}
	switch shown.Code {
	case runwith.Unavailable, runwith.ResourceExhausted:
		return Answer{Outcome: deferred, err: err}
	}
	again := *shown
	if again.Code = runwith.Unavailable; shown.Code == runwith.Aborted { // its slots are full
		again.Code = runwith.ResourceExhausted
	}
	return Answer{Outcome: deferred, err: &again}
}

// writeDenied answers a request whose sender may not send events.
func writeDenied(w http.ResponseWriter, r *http.Request, err error) {
	if apierror.Status(err) == http.StatusUnauthorized {
		challenge := `Bearer realm="runwith"`
		if r.Header.Get("Authorization") != "" {
			challenge += `, error="invalid_token"`
		}
		w.Header().Set("WWW-Authenticate", challenge)
	}
	apierror.WriteProblem(w, err)
}
