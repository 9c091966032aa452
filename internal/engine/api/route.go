package api

import (
	"fmt"
	"net/url"
	"strings"
)

// pathTemplate is a compiled path of a google.api.http rule, such as
// /v2/{name=projects/*/locations/*/jobs/*}:run.
// https://github.com/googleapis/googleapis/blob/master/google/api/http.proto
type pathTemplate struct {
	segments  []string // literal, or "*"
	verb      string   // behind the last segment's colon
	variables []pathVariable
}

// pathVariable is a field that is taken from the segments [first, end).
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

// match returns the fields that an escaped path sets, and whether it is of the
// template. The last segment never swallows a verb: jobs/j:run is not the job
// "j:run".
func (t *pathTemplate) match(escaped string) (fields map[string]string, ok bool) {
	path, verb := escaped, ""
	if i := strings.LastIndexByte(path, ':'); i > strings.LastIndexByte(path, '/') {
		path, verb = path[:i], path[i+1:]
	}
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if verb != t.verb || len(parts) != len(t.segments) {
		return nil, false
	}
	for i, segment := range t.segments {
		part, err := url.PathUnescape(parts[i])
		if err != nil || part == "" || segment != "*" && segment != part || strings.Contains(part, "/") {
			return nil, false
		}
		parts[i] = part
	}
	fields = map[string]string{}
	for _, v := range t.variables {
		fields[v.field] = strings.Join(parts[v.first:v.end], "/")
	}
	return fields, true
}
