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

const textMediaType = "application/text" // as Google's server says

// form is what a caller wants the answer to be like.
type form struct {
	json, text bool // asked for in so many words; neither: what is usual
	recursive  bool // a folder with all that is below it
}

// parseForm reads the query of a request. What it does not know it leaves alone, as
// Google's server does.
//
// Deviation: wait_for_change is refused, for nothing here ever changes.
//
// See https://cloud.google.com/compute/docs/metadata/querying-metadata#query-parameters.
func parseForm(query url.Values) (form, error) {
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
		return form{}, runwith.Errorf(runwith.InvalidArgument, "alt: is %q, must be json or text", alt)
	}
	return f, nil
}

// flag reads a parameter that is on or off. Its name alone is on.
func flag(query url.Values, name string) (bool, error) {
	value := query.Get(name)
	if value == "" {
		return query.Has(name), nil
	}
	on, err := strconv.ParseBool(value)
	if err != nil {
		return false, runwith.Errorf(runwith.InvalidArgument, "%s: is %q, must be true or false", name, value)
	}
	return on, nil
}

// write writes one value. Only an access token is JSON unless text is asked for.
func (f form) write(w http.ResponseWriter, value any) {
	_, isToken := value.(token)
	if f.json || isToken && !f.text {
		writeJSON(w, value)
		return
	}
	writeText(w, text(value))
}

// text is a value as text: a list has one on a line.
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
	_, _ = io.WriteString(w, text) // the caller may be gone
}
