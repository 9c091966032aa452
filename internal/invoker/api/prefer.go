package api

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// maxWait is the longest wait of a request.
const maxWait = 300 * time.Second

// Preference is the Prefer header, part of an operation's input. It is exported because huma
// skips other embedded fields. As the standard requires, it ignores unknown and malformed
// preferences.
// See https://www.rfc-editor.org/rfc/rfc7240.
type Preference struct {
	Prefer string `header:"Prefer" doc:"wait=N delays the answer until the invocation has settled, but at most N seconds, and N is at most 300." example:"wait=30"`

	wanted bool
	wait   time.Duration
}

// Resolve reads every Prefer header of the request.
func (p *Preference) Resolve(ctx huma.Context) []error {
	ctx.EachHeader(func(name, value string) {
		if name == "Prefer" && !p.wanted {
			p.wait, p.wanted = parseWait(value)
		}
	})
	return nil
}

// applied is the value of Preference-Applied, empty without a wait.
func (p *Preference) applied() string {
	if !p.wanted {
		return ""
	}
	return fmt.Sprintf("wait=%d", p.wait/time.Second)
}

// parseWait returns the first wait in a list of preferences, limited to maxWait.
func parseWait(header string) (time.Duration, bool) {
	for preference := range strings.SplitSeq(header, ",") {
		preference, _, _ = strings.Cut(preference, ";") // its parameters
		name, value, _ := strings.Cut(preference, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "wait") {
			continue
		}
		seconds, err := strconv.ParseUint(strings.Trim(strings.TrimSpace(value), `"`), 10, 31)
		if err != nil {
			return 0, false
		}
		return min(time.Duration(seconds)*time.Second, maxWait), true
	}
	return 0, false
}
