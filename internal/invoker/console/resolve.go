package console

import (
	"net/url"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
)

// choice is a decision about an unresolved invocation, explained.
type choice struct {
	Decision invoker.Decision
	// Short says what it does, in a line.
	Short string
	confirmation
}

// choicesOf returns what a person can decide about an invocation.
func choicesOf(i runwith.Invocation) (all []choice) {
	if i.State != runwith.StateUnresolved || !i.Finished.IsZero() {
		return nil
	}
	if i.Execution == "" && i.CancelRequested.IsZero() {
		all = append(all, choice{
			invoker.DecideRetry, "Search once more for its execution, and start the job if there is none.",
			confirmation{Title: "Search again, and start it?", Button: "Search again, and start it", Text: []string{
				"runwith searches once more for an execution of this invocation. If there is one, the invocation follows it. If there is none, the job is started.",
				"Look at the executions of the job first. If an execution has run and was deleted since, the job runs twice.",
			}},
		})
	}
	return append(all, choice{
		invoker.DecideLeave, "Start nothing, keep it unresolved, and free its slot.",
		confirmation{Title: "Leave it unresolved?", Button: "Leave it unresolved", Danger: true, Text: []string{
			"Nothing is started. The invocation stays unresolved, and the next one of its job takes its slot. You cannot decide again.",
			"If its execution appears within the next hour, the invocation still follows it.",
		}},
	})
}

// askResolve asks whether a decision is meant.
func (s *server) askResolve(c *call) (page, error) {
	i, err := s.Invoker.Invocation(c.Context(), c.PathValue("id"))
	if err != nil {
		return page{}, err
	}
	back := "/invocations/" + url.PathEscape(i.ID)
	for _, one := range choicesOf(i) {
		if string(one.Decision) != c.URL.Query().Get("decision") {
			continue
		}
		one.Action, one.Back, one.Fields = back+"/resolve", back, []formField{{"decision", string(one.Decision)}}
		return confirm("/invocations", one.confirmation), nil
	}
	return redirect(back, ""), nil // somebody has decided meanwhile
}

// resolve does what a person has decided about an unresolved invocation.
func (s *server) resolve(c *call) (page, error) {
	id := c.PathValue("id")
	_, err := s.Invoker.Resolve(c.Context(), id, invoker.Decision(c.PostFormValue("decision")))
	return redirect("/invocations/"+url.PathEscape(id), "resolve"), err
}

// askCancel sends the visitor to the page that asks whether to cancel, which is the one for many.
func (s *server) askCancel(c *call) (page, error) {
	id := c.PathValue("id")
	return redirect(withQuery("/invocations/cancel", url.Values{"id": {id}, "back": {"/invocations/" + url.PathEscape(id)}}), ""), nil
}
