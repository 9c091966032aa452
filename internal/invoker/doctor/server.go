package doctor

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
)

// server reports whether the invoker runs and can do its work.
func (e *examination) server(ctx context.Context) {
	if e.Server == "" {
		return
	}
	base := strings.TrimSuffix(e.Server, "/")
	status, body, err := e.read(ctx, base+"/healthz")
	var health struct{ Version string }
	switch {
	case err != nil && !e.Expected:
		e.skip("server", e.Server, "does not run")
		return
	case err != nil:
		e.problem("server", e.Server, "does not answer: start it, or correct --server (%v)", withoutURL(err))
		return
	case status != http.StatusOK || json.Unmarshal(body, &health) != nil || health.Version == "":
		e.problem("server", e.Server, "answers %d, and not as runwith does: correct --server", status)
		return
	}
	e.readiness(ctx, base, health.Version)
}

func (e *examination) readiness(ctx context.Context, base, version string) {
	status, body, err := e.read(ctx, base+"/readyz")
	var reason struct{ Detail string }
	_ = json.Unmarshal(body, &reason) // empty if there is none
	switch {
	case err != nil:
		e.problem("server", e.Server, "does not answer /readyz: %v", withoutURL(err))
	case status != http.StatusOK:
		e.problem("server", e.Server, "is not ready: %s", reason.Detail)
	case version != e.Version:
		e.ok("server", e.Server, "is ready, with version %s; this program has version %s", version, e.Version)
	default:
		e.ok("server", e.Server, "is ready, with version %s", version)
	}
}
