package logfilter

import (
	"strings"

	"cloud.google.com/go/logging/apiv2/loggingpb"
)

// logID selects the entries of one log, of any project.
// See https://cloud.google.com/logging/docs/view/logging-query-language#log_id-function.
type logID struct {
	escaped literal
	id      string
}

func (l logID) match(e *loggingpb.LogEntry) bool {
	_, id, _ := strings.Cut(e.GetLogName(), "/logs/")
	return fold(id) == l.escaped.folded
}

func (l logID) String() string { return "log_id(" + quote(l.id) + ")" }
