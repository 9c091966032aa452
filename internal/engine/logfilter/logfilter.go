// Package logfilter is the query language of Cloud Logging: what selects log
// entries by their fields, such as
//
//	resource.type="cloud_run_job" AND severity>=ERROR AND NOT textPayload:"retry"
//
// A filter is parsed once, by [Parse], and then asked for each entry, by
// [Filter.Match]. What every entry that matches must have, [Filter.Values] and
// [Filter.Times] tell, so that the others need not be looked at.
//
// Parsing and matching take little, whatever a caller sends: length, depth, the
// number of comparisons and the size of regular expressions are bounded.
//
// See https://cloud.google.com/logging/docs/view/logging-query-language and, for the
// grammar that it shares with other APIs, https://google.aip.dev/160.
package logfilter

import (
	"fmt"
	"unicode/utf8"

	"cloud.google.com/go/logging/apiv2/loggingpb"

	"github.com/runwith/runwith"
)

// Bounds of a filter.
//
// Deviation: the first is Google's; the others are ours.
const (
	MaxLength = 20_000 // characters
	maxDepth  = 50     // of parentheses
	maxTerms  = 256    // comparisons and words
	// maxProgram bounds the regular expressions of a filter, in instructions of
	// their programs. What a match costs grows with it.
	maxProgram = 1000
)

// Filter is a parsed filter. It may be used concurrently.
type Filter struct {
	root expr // nil matches everything
}

// Parse reads a filter; an empty one matches everything. Its errors are
// INVALID_ARGUMENT and name the position, in characters from 1.
//
// Deviation: functions other than log_id are refused, which are SEARCH, sample,
// ip_in_net, cast, regexp_extract and source.
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

// Match reports whether an entry is one of those that are selected.
func (f *Filter) Match(e *loggingpb.LogEntry) bool {
	return f.root == nil || f.root.match(e)
}

// String returns the filter in the language itself, with every AND and parenthesis
// written out. Parsing it gives an equal filter.
func (f *Filter) String() string {
	if f.root == nil {
		return ""
	}
	return f.root.String()
}

// fault is the error of a filter that cannot be served, at a place in its text.
func fault(text string, at int, format string, args ...any) error {
	return runwith.Errorf(runwith.InvalidArgument, "filter: at position %d: %s",
		utf8.RuneCountInString(text[:at])+1, fmt.Sprintf(format, args...))
}
