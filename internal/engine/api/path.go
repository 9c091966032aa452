package api

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// pathTemplate is a compiled path of a google.api.http rule, such as
// /v2/{name=projects/*/locations/*/jobs/*}:run.
// https://github.com/googleapis/googleapis/blob/master/google/api/http.proto
type pathTemplate struct {
	segments  []string // literal, or "*"
	verb      string   // after the last segment's colon
	variables []pathVariable
}

// pathVariable is a field that takes its value from the segments [first, end).
type pathVariable struct {
	field      string
	first, end int
}

func compilePath(template string) (*pathTemplate, error) {
	t := &pathTemplate{}
	rest := strings.TrimPrefix(template, "/")
	for rest != "" {
		if after, isVariable := strings.CutPrefix(rest, "{"); isVariable {
			inner, after, closed := strings.Cut(after, "}")
			if !closed {
				return nil, fmt.Errorf("path template %q: a { has no }", template)
			}
			t.variable(inner)
			rest = after
		} else {
			end := strings.IndexAny(rest, "/:")
			if end < 0 {
				end = len(rest)
			}
			t.segments = append(t.segments, rest[:end])
			rest = rest[end:]
		}
		if verb, isVerb := strings.CutPrefix(rest, ":"); isVerb {
			t.verb, rest = verb, ""
		}
		rest = strings.TrimPrefix(rest, "/")
	}
	return t, nil
}

func (t *pathTemplate) variable(inner string) {
	field, pattern, hasPattern := strings.Cut(inner, "=")
	if !hasPattern {
		pattern = "*"
	}
	first := len(t.segments)
	t.segments = append(t.segments, strings.Split(pattern, "/")...)
	t.variables = append(t.variables, pathVariable{field, first, len(t.segments)})
}

// requestPath is the path of a request: its unescaped segments, and its verb.
type requestPath struct {
	segments []string
	verb     string
}

// splitPath splits an escaped path. It reports false for a path that no template
// matches: one with an empty segment, or with a slash in a segment.
func splitPath(escaped string) (requestPath, bool) {
	path, verb := escaped, ""
	if i := strings.LastIndexByte(path, ':'); i > strings.LastIndexByte(path, '/') {
		path, verb = path[:i], path[i+1:]
	}
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i, segment := range segments {
		unescaped, err := url.PathUnescape(segment)
		if err != nil || unescaped == "" || strings.Contains(unescaped, "/") {
			return requestPath{}, false
		}
		segments[i] = unescaped
	}
	return requestPath{segments, verb}, true
}

// match returns the fields that a path sets, and whether the template matches it. The
// last segment never includes a verb: jobs/j:run is not the job "j:run".
func (t *pathTemplate) match(path requestPath) (fields map[string]string, ok bool) {
	same := func(want, got string) bool { return want == "*" || want == got }
	if path.verb != t.verb || !slices.EqualFunc(t.segments, path.segments, same) {
		return nil, false
	}
	fields = map[string]string{}
	for _, v := range t.variables {
		fields[v.field] = strings.Join(path.segments[v.first:v.end], "/")
	}
	return fields, true
}
