package api

import (
	"bufio"
	"context"
	"errors"
	"mime"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/eventstream"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/principal"
)

type logsInput struct {
	ID     string `path:"id" doc:"ID of the invocation."`
	Follow bool   `query:"follow" doc:"Stream lines as server-sent events until the invocation has settled."`
	Task   int    `query:"task" minimum:"0" doc:"Only lines of the task with this index, from 0; without it, lines of every task."`
	Stream string `query:"stream" enum:"stdout,stderr" doc:"Only lines of this stream; without it, lines of both."`
	After  string `query:"after" doc:"ID of a line's event: only lines behind it. The header Last-Event-ID does the same."`
	Before string `query:"before" doc:"ID of a line's event: only lines in front of it. It needs tail."`
	Tail   int    `query:"tail" minimum:"1" maximum:"5000" doc:"Begin with so many of the last lines; with fewer if they are long."`
	Accept string `header:"Accept" hidden:"true"`        // the responses document it
	Last   string `header:"Last-Event-ID" hidden:"true"` // after documents it
	query  invoker.LogQuery
}

// Resolve tells task 0 from a missing parameter. A browser that reconnects repeats the query,
// so its header counts more.
func (in *logsInput) Resolve(ctx huma.Context) []error {
	in.query = invoker.LogQuery{Follow: in.Follow, Stream: in.Stream, After: in.After, Before: in.Before, Tail: in.Tail}
	if in.Last != "" {
		in.query.After, in.query.Tail = in.Last, 0
	}
	if ctx.Query("task") != "" {
		in.query.Task = &in.Task
	}
	return nil
}

func (s *server) routeLogs(d huma.API) {
	d.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[runwith.LogLine](), true, "") // no body refers to it
	text := &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Description: "The lines."}}
	events := &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Description: description(`Server-sent events:
		line, with a LogLine and an ID; then either end, with the Invocation, or error, with a Problem.`)}}
	register(s, d, huma.Operation{
		OperationID: "getLogs",
		Method:      http.MethodGet,
		Path:        prefix + "/invocations/{id}/logs",
		Summary:     "The output of an invocation's tasks",
		Description: description(`Plain text, or server-sent events if follow is true or Accept names text/event-stream.
			Without follow, the answer ends with the current output. In plain text, [TASK.ATTEMPT] in front of a line names
			its origin, unless that is the first attempt of the only task.`),
		Responses: map[string]*huma.Response{"200": {
			Description: "Lines in order of time.",
			Content:     map[string]*huma.MediaType{"text/plain": text, eventstream.MediaType: events},
		}},
	}, s.logs)
}

func (s *server) logs(ctx context.Context, in *logsInput) (*huma.StreamResponse, error) {
	// First, because a 404 is no longer possible once something is written.
	i, err := s.invoker.Invocation(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		_, w := humago.Unwrap(c)
		leave, err := s.readers.enter(principal.From(ctx).Name)
		if err != nil {
			w.Header().Set("Connection", "close") // or the caller's connection would stay
			apierror.WriteProblem(w, s.problem(ctx, err))
			return
		}
		defer leave()
		if in.Follow || acceptsEvents(in.Accept) {
			s.streamEvents(ctx, w, in.ID, in.query)
			return
		}
		s.writeText(ctx, w, i, in.query)
	}}, nil
}

// acceptsEvents reports whether an Accept header names server-sent events.
func acceptsEvents(accept string) bool {
	for item := range strings.SplitSeq(accept, ",") {
		if t, _, _ := mime.ParseMediaType(item); t == eventstream.MediaType {
			return true
		}
	}
	return false
}

// writeText writes the current lines, with their tasks and attempts if there are several.
// It aborts an answer that it cannot complete, so the
// caller does not take it for a whole one.
func (s *server) writeText(ctx context.Context, w http.ResponseWriter, i runwith.Invocation, q invoker.LogQuery) {
	tasks := i.Counts.Tasks
	if q.Task != nil {
		tasks = 1
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff") // tasks may print HTML
	ctx, cancel := context.WithCancel(ctx)
	feed, wait := openFeed(ctx, s.invoker, i.ID, q)
	defer func() {
		cancel()
		wait()
	}()
	unsent := eventstream.NewStartWriter(w)
	out := bufio.NewWriterSize(unsent, eventstream.WriteSize)
	for line, err := range feed.all(ctx) {
		if err != nil {
			p := s.problem(ctx, faulty("query", err))
			if unsent.Started() {
				panic(http.ErrAbortHandler) // net/http's way to abort an answer
			}
			apierror.WriteProblem(w, p)
			return
		}
		_, textErr := out.WriteString(line.Labelled(tasks))
		if err := errors.Join(textErr, out.WriteByte('\n')); err != nil {
			return // the client has left
		}
	}
	_ = out.Flush()
}
