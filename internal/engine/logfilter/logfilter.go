// Package logfilter implements the query language of Cloud Logging, which selects log
// entries by their fields:
//
//	resource.type="cloud_run_job" AND severity>=ERROR AND NOT textPayload:"retry"
//
// [Parse] reads a filter once, and [Filter.Match] tests entries. [Filter.Values] and
// [Filter.Times] return conditions that every matching entry fulfils, so that callers can
// skip entries.
//
// The cost of parsing and matching is limited for any input: by the length, the depth, the
// number of comparisons, and the size of regular expressions.
//
// See https://cloud.google.com/logging/docs/view/logging-query-language, and
// https://google.aip.dev/160 for the grammar, which other APIs share.
package logfilter

import (
	"fmt"
	"unicode/utf8"

	"cloud.google.com/go/logging/apiv2/loggingpb"

	"github.com/runwith/runwith"
)

// Limits of a filter.
//
// Deviation: the first is Google's; the others are ours.
const (
	MaxLength = 20_000 // characters
	maxDepth  = 50     // of parentheses
	maxTerms  = 256    // comparisons and words
	// maxProgram limits the regular expressions of a filter, in instructions of their
	// programs. The cost of a match grows with it.
	maxProgram = 1000
)

// Filter is a parsed filter. It may be used concurrently.
type Filter struct {
	root expr // nil matches everything
}

// Parse reads a filter. An empty one matches everything. Errors are INVALID_ARGUMENT and
// name the position, in characters from 1.
//
// Deviation: of the functions only log_id is supported. A value that does not fit a field
// of LogEntry is an error; in Cloud Logging such a comparison may also just fail.
func Parse(text string) (*Filter, error) {
	if n := utf8.RuneCountInString(text); n > MaxLength {
		return nil, runwith.Errorf(runwith.InvalidArgument, "filter: has %d characters, at most %d are allowed", n, MaxLength)
	}
	p := &parser{text: text}
	root, err := p.filter()
	if err != nil {
		return nil, err
	}
	return &Filter{root}, nil
}

// Match reports whether the filter selects an entry.
func (f *Filter) Match(e *loggingpb.LogEntry) bool {
	return f.root == nil || f.root.match(e)
}

// String returns the filter in the query language, with every AND and parenthesis
// written out. Parsing the result gives an equal filter.
func (f *Filter) String() string {
	if f.root == nil {
		return ""
	}
	return f.root.String()
}

// fault is the error of a filter at a position of its text.
func fault(text string, at int, format string, args ...any) error {
	return runwith.Errorf(runwith.InvalidArgument, "filter: at position %d: %s",
		utf8.RuneCountInString(text[:at])+1, fmt.Sprintf(format, args...))
}
