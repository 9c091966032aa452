package logfilter

import (
	"slices"
	"strings"

	"cloud.google.com/go/logging/apiv2/loggingpb"
)

// expr is a node of a filter.
type expr interface {
	match(e *loggingpb.LogEntry) bool
	String() string
}

// and holds if all of its parts hold, or if one of them holds.
type (
	and []expr
	or  []expr
	// not holds if its part does not.
	not struct{ expr }
)

func (x and) match(e *loggingpb.LogEntry) bool {
	return !slices.ContainsFunc(x, func(part expr) bool { return !part.match(e) })
}

func (x and) String() string { return join(x, " AND ") }

func (x or) match(e *loggingpb.LogEntry) bool {
	return slices.ContainsFunc(x, func(part expr) bool { return part.match(e) })
}

func (x or) String() string { return join(x, " OR ") }

func (x not) match(e *loggingpb.LogEntry) bool { return !x.expr.match(e) }

func (x not) String() string { return "NOT " + x.expr.String() }

func join(parts []expr, with string) string {
	texts := make([]string, len(parts))
	for i, part := range parts {
		texts[i] = part.String()
	}
	return "(" + strings.Join(texts, with) + ")"
}

// all joins the parts of a conjunction, at least one.
func all(parts []expr) expr {
	if len(parts) == 1 {
		return parts[0]
	}
	return and(parts)
}

func anyOf(parts []expr) expr {
	if len(parts) == 1 {
		return parts[0]
	}
	return or(parts)
}
