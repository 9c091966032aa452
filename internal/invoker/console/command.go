package console

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/guard"
)

// address returns the URL of this server as the visitor's browser has it.
func (s *server) address(c *call) string { return guard.Scheme(c.Request) + "://" + c.Host }

// hasValues reports whether a request has values that some readers may not see.
func hasValues(q runwith.Request) bool {
	return len(q.Parameters) > 0 || len(q.Overrides.Args) > 0 || len(q.Overrides.Env) > 0 || len(q.Overrides.Containers) > 0
}

// curlOf returns a command of curl that starts a job with a request. signed says that the server
// wants an API key.
func curlOf(server, job string, q runwith.Request, signed bool) string {
	return curlTo(server+"/api/v1/jobs/"+job+"/invocations", q, signed)
}

// curlTo returns a command of curl that sends a request to a URL.
func curlTo(url string, q runwith.Request, signed bool) string {
	lines := []string{"curl " + quoted(url), "-H 'Content-Type: application/json'", "-H 'Idempotency-Key: '\"$(uuidgen)\""}
	if signed {
		lines = append(lines, "-H \"Authorization: Bearer $RUNWITH_API_KEY\"")
	}
	return strings.Join(append(lines, "-d "+quoted(jsonOf(q, "  "))), " \\\n  ")
}

// jsonOf returns the JSON of a request. Characters that control a terminal or the direction of
// text are escaped, so that a command is what it looks like.
func jsonOf(q runwith.Request, indent string) string {
	data, _ := json.Marshal(q) // it was read from JSON
	if indent != "" {
		data, _ = json.MarshalIndent(q, "", indent)
	}
	var out strings.Builder
	for _, r := range string(data) {
		if unprintable(r) {
			fmt.Fprintf(&out, `\u%04x`, r)
			continue
		}
		out.WriteRune(r)
	}
	return out.String()
}

// unprintable reports whether a character would not be seen in a command, or change how the rest
// of it is seen.
func unprintable(r rune) bool {
	return r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r))
}

// commandOf returns a command of runwith that starts a job with a request. Its flags have no
// overrides of several containers, and no characters that cannot be seen: then it reads the
// request as JSON. --each derives the key of a line from the line and --key, so a new --key lets
// a second paste start the job again, as with the other commands.
func commandOf(server, job string, q runwith.Request) string {
	command := flagsOf(server, job, q)
	if len(q.Overrides.Containers) > 0 || strings.ContainsFunc(command, unprintable) {
		return "printf '%s\\n' " + quoted(jsonOf(q, "")) + " |\n  runwith run " + quoted(job) + " --server " + quoted(server) + " --each - --key \"$(uuidgen)\""
	}
	return command
}

// flagsOf returns a command with a flag for each field.
func flagsOf(server, job string, q runwith.Request) string {
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
	if q.Overrides.Args != nil {
		words = append(words, "--") // alone, it removes the job's
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
