package logging

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"cloud.google.com/go/logging/apiv2/loggingpb"

	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/engine/logfilter"
	"github.com/runwith/runwith/internal/engine/tasklog"
	"github.com/runwith/runwith/internal/jobspec"
)

// selection is the filter of a request, and its consequences for the logs to read.
type selection struct {
	filter *logfilter.Filter
	logs   engine.LogSelection
	query  tasklog.Query // tasks, streams and times
	none   bool          // nothing can match
	// printed is set if the caller gets lines exactly as printed: as text, with the time
	// of their writing.
	printed bool
}

func newSelection(ctx context.Context, projects []string, filter string) (s selection, err error) {
	s.printed = wantsText(ctx)
	s.logs.Projects = projects
	if s.filter, err = logfilter.Parse(filter); err != nil {
		return s, err
	}
	s.logs.Regions = s.values("resource.labels.location")
	s.logs.Jobs = s.values("resource.labels.job_name")
	s.logs.Executions = s.values("labels." + executionLabel)
	s.query.Since, s.query.Until = s.filter.Times()
	if !s.query.Until.IsZero() && !s.printed { // an entry's time may precede the time of writing
		s.query.Until = s.query.Until.Add(maxLag)
	}
	s.logs.From, s.logs.To = s.query.Since, s.query.Until
	s.narrowType()
	s.narrowTasks()
	s.narrowStreams()
	return s, nil
}

// take returns a line's entry in the form for the caller, and whether the filter matches
// it.
func (s *selection) take(l line) (e *loggingpb.LogEntry, ok bool) {
	e = l.entry()
	if s.printed {
		e.Timestamp = e.ReceiveTimestamp
	}
	ok = s.filter.Match(e)
	if s.printed {
		setText(e, l.Entry)
	}
	return e, ok
}

// values returns the values that a field may have; nil allows all.
func (s *selection) values(field string) []string {
	values, bound := s.filter.Values(field)
	if !bound {
		return nil
	}
	s.none = s.none || len(values) == 0
	return slices.Concat([]string{}, values)
}

func (s *selection) narrowType() {
	if types := s.values("resource.type"); types != nil && !slices.Contains(types, resourceType) {
		s.none = true
	}
	if ids := s.values("resource.labels.project_id"); ids != nil {
		s.logs.Projects = slices.DeleteFunc(s.logs.Projects, func(id string) bool { return !slices.Contains(ids, id) })
		s.none = s.none || len(s.logs.Projects) == 0
	}
}

func (s *selection) narrowTasks() {
	indexes := s.values("labels." + taskLabel)
	for _, index := range indexes {
		if n, err := strconv.Atoi(index); err == nil && n >= 0 && strconv.Itoa(n) == index {
			s.query.Tasks = append(s.query.Tasks, n)
		}
	}
	s.none = s.none || indexes != nil && len(s.query.Tasks) == 0
}

func (s *selection) narrowStreams() {
	names, ids := s.values("logName"), s.values(logfilter.LogID)
	for stream, id := range logIDs {
		id = strings.ToLower(id)
		named := names == nil || slices.ContainsFunc(names, func(name string) bool { return strings.HasSuffix(name, "/logs/"+id) })
		if named && (ids == nil || slices.Contains(ids, id)) {
			s.query.Streams = append(s.query.Streams, stream)
		}
	}
	s.none = s.none || len(s.query.Streams) == 0
}

// mayHave reports whether an execution's log may have matching entries.
func (s *selection) mayHave(x jobspec.ExecutionName) bool {
	in := func(values []string, value string) bool { return values == nil || slices.Contains(values, value) }
	return !s.none && in(s.logs.Projects, x.Job.Project) && in(s.logs.Regions, x.Job.Region) &&
		in(s.logs.Jobs, x.Job.Job) && in(s.logs.Executions, x.Execution)
}

// from is the query of a log that the merged order reads from a place on. The log's
// entries of the same moment are included, whatever their place.
func (s *selection) from(p place, reverse bool) tasklog.Query {
	q := s.query
	q.Reverse = reverse
	at := time.Unix(0, p.Nanos)
	switch {
	case p == place{}:
	case reverse && (q.Until.IsZero() || at.Before(q.Until)):
		q.Until = at
	case !reverse && at.After(q.Since):
		q.Since = at
	}
	return q
}
