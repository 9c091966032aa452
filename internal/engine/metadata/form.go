package metadata

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/runwith/runwith"
)

const textMediaType = "application/text" // the media type of Google's server

// form is the form of an answer.
type form struct {
	json, text bool // explicit request; neither means the default
	recursive  bool // a folder with everything below it
}

// parseForm parses the query of a request. It ignores unknown parameters, like Google's
// server.
//
// Deviation: wait_for_change is refused, because no value ever changes.
//
// See https://cloud.google.com/compute/docs/metadata/querying-metadata#query-parameters.
func parseForm(query url.Values) (form, error) {
	for name, values := range query {
		if len(values) > 1 {
			return form{}, runwith.Errorf(runwith.InvalidArgument, "%.80s: takes one value, not %d", name, len(values))
		}
	}
	recursive, err := flag(query, "recursive")
	if err != nil {
		return form{}, err
	}
	waits, err := flag(query, "wait_for_change")
	if err != nil {
		return form{}, err
	}
	if waits {
		return form{}, runwith.Errorf(runwith.InvalidArgument,
			"wait_for_change: no value of this metadata server changes while it runs, so that there would never be an answer; ask without it")
	}
	f := form{recursive: recursive}
	switch alt := query.Get("alt"); alt {
	case "":
		f.json = recursive
	case "json":
		f.json = true
	case "text":
		f.text = true
	default:
		return form{}, runwith.Errorf(runwith.InvalidArgument, "alt: must be json or text, not %q", alt)
	}
	return f, nil
}

// flag parses a boolean parameter. A name without a value is true.
func flag(query url.Values, name string) (bool, error) {
	value := query.Get(name)
	if value == "" {
		return query.Has(name), nil
	}
	on, err := strconv.ParseBool(value)
	if err != nil {
		return false, runwith.Errorf(runwith.InvalidArgument, "%s: must be true or false, not %q", name, value)
	}
	return on, nil
}

// write writes one value. The default form is JSON for an access token and text for all
// other values.
func (f form) write(w http.ResponseWriter, value any) {
	_, isToken := value.(token)
	if f.json || isToken && !f.text {
		writeJSON(w, value)
		return
	}
	writeText(w, text(value))
}

// text returns a value as text, a list with one element on each line.
func text(value any) string {
	switch value := value.(type) {
	case []string:
		return joinLines(value)
	case token:
		return joinLines(value.lines())
	default:
		return fmt.Sprint(value)
	}
}

func joinLines(lines []string) string {
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(line)
		b.WriteByte('\n')
	}
	return b.String()
}

func writeText(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", textMediaType)
	_, _ = io.WriteString(w, text) // the client may be gone
}
