package console

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/invoker"
)

// preview is what a form would do.
type preview struct {
	Request runwith.Request
	JSON    string
	Curl    string
	// Estimate is what it costs. Without one, Unknown is the reason.
	Estimate *runwith.JobEstimate
	Unknown  string
	// Kept says that hidden values stay as they are.
	Kept bool
}

// preview looks at the request of the form without starting anything. It notes what a start would
// refuse.
func (c *call) preview(f *form) (p preview) {
	p.Request = f.request()
	p.Kept = f.Origin != nil && f.rerun(p.Request, "").KeepValues
	c.check(f, p.Request)
	p.JSON = indented(p.Request)
	p.Curl = c.curl(f, p)
	estimate, err := c.server.Invoker.Estimate(c.Context(), invoker.EstimateQuery{Job: f.Job.Name, Asked: p.Request.Overrides})
	switch {
	case err == nil:
		p.Estimate = &estimate
	case f.noted(err):
		p.Unknown = "It is known once the request is right."
	default:
		p.Unknown = apierror.Public(err).Message
	}
	return p
}

// check notes what the policy would refuse. It looks at overrides before anything else, so the
// rest is checked again without them.
func (c *call) check(f *form, q runwith.Request) {
	bare := q
	bare.Overrides = runwith.Overrides{}
	for _, asked := range []runwith.Request{q, bare} {
		if f.Origin == nil {
			f.refused(c.server.Access.Check(c.Context(), f.Job.Name, asked))
			continue
		}
		r := f.rerun(q, "")
		if !r.KeepValues {
			r.Changes.Overrides = asked.Overrides
		}
		f.refused(c.server.Access.CheckRerun(c.Context(), r))
	}
}

// noted reports whether all reasons of an error are faults of the form already.
func (f *form) noted(err error) bool {
	before := len(f.Faults)
	f.refused(err)
	noted := len(f.Faults) == before || f.Faults[before].Field != ""
	if !noted {
		f.Faults = f.Faults[:before]
	}
	return noted
}

// indented returns a value as JSON for people.
func indented(value any) string {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if e.Encode(value) != nil {
		return ""
	}
	// A type with its own MarshalJSON has escaped these.
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(strings.TrimSpace(out.String()))
}

// curl returns a command that sends the request. A request with hidden values runs the invocation
// again instead.
func (c *call) curl(f *form, p preview) string {
	path, body := "/api/v1/jobs/"+url.PathEscape(f.Job.Name)+"/invocations", p.Request
	if p.Kept {
		path = "/api/v1/invocations/" + url.PathEscape(f.Origin.ID) + ":rerun"
		body.Parameters, body.Overrides.Args, body.Overrides.Env, body.Overrides.Containers = nil, nil, nil, nil
		if before := f.Origin.Request.Callback; before != nil && f.Callback == before.URL {
			body.Callback = nil
		}
	}
	return curlTo(c.server.address(c)+path, body, c.signedIn)
}
