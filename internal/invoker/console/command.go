package console

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/guard"
)

// address returns the URL of this server as the visitor's browser has it.
func (s *server) address(c *call) string { return guard.Scheme(c.Request) + "://" + c.Host }

// hasValues reports whether a request has values that some readers may not see.
func hasValues(q runwith.Request) bool {
	return len(q.Parameters) > 0 || len(q.Overrides.Args) > 0 || len(q.Overrides.Env) > 0 || len(q.Overrides.Containers) > 0
}

// curlOf returns a command of curl that starts a job with a request.
func curlOf(server, job string, q runwith.Request) string {
	return curlTo(server+"/api/v1/jobs/"+job+"/invocations", q)
}

// curlTo returns a command of curl that sends a request to a URL.
func curlTo(url string, q runwith.Request) string {
	return fmt.Sprintf("curl %s \\\n  -H 'Content-Type: application/json' \\\n  -H 'Idempotency-Key: '\"$(uuidgen)\" \\\n  -d %s",
		quoted(url), quoted(indented(q)))
}

// commandOf returns a command of runwith that starts a job with a request, or "" if there is none: a
// command line has overrides of one container alone.
func commandOf(server, job string, q runwith.Request) string {
	if len(q.Overrides.Containers) > 0 {
		return ""
	}
	words := []string{"runwith run", quoted(job), "--server " + quoted(server)}
	for _, name := range slices.Sorted(maps.Keys(q.Parameters)) {
		words = append(words, "--param "+quoted(fmt.Sprintf("%s=%v", name, q.Parameters[name])))
	}
	for _, name := range slices.Sorted(maps.Keys(q.Overrides.Env)) {
		words = append(words, "--env "+quoted(name+"="+q.Overrides.Env[name]))
	}
	for _, name := range slices.Sorted(maps.Keys(q.Labels)) {
		words = append(words, "--label "+quoted(name+"="+q.Labels[name]))
	}
	if q.Overrides.TaskCount > 0 {
		words = append(words, fmt.Sprintf("--tasks %d", q.Overrides.TaskCount))
	}
	if q.Overrides.Timeout > 0 {
		words = append(words, "--timeout "+q.Overrides.Timeout.String())
	}
	if q.Callback != nil {
		words = append(words, "--callback "+quoted(q.Callback.URL))
	}
	if len(q.Overrides.Args) > 0 {
		words = append(words, "--")
	}
	for _, arg := range q.Overrides.Args {
		words = append(words, quoted(arg))
	}
	return strings.Join(words, " ")
}

// quoted returns a text as one word of a POSIX shell.
func quoted(text string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=@%+,", r)
	}
	if text != "" && !strings.ContainsFunc(text, func(r rune) bool { return !plain(r) }) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
