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
)

type logsInput struct {
	ID     string `path:"id" doc:"ID of the invocation."`
	Follow bool   `query:"follow" doc:"Stream server-sent events as lines come, until the invocation has settled."`
	Accept string `header:"Accept" hidden:"true"` // OpenAPI has it from the responses
}

func (s *server) routeLogs(d huma.API) {
	d.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[runwith.LogLine](), true, "") // no body names it
	text := &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Description: "The lines."}}
	events := &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Description: description(`Server-sent events:
		line with a LogLine; at the end, end with the Invocation as it is then, or error with a Problem.`)}}
	register(s, d, huma.Operation{
		OperationID: "getLogs",
		Method:      http.MethodGet,
		Path:        prefix + "/invocations/{id}/logs",
		Summary:     "What the tasks of an invocation printed",
		Description: description(`Plain text, or server-sent events where follow is true or Accept names
			text/event-stream. Without follow it is what there is now.`),
		Responses: map[string]*huma.Response{"200": {
			Description: "Lines in order of time.",
			Content:     map[string]*huma.MediaType{"text/plain": text, eventType: events},
		}},
	}, s.logs)
}

func (s *server) logs(ctx context.Context, in *logsInput) (*huma.StreamResponse, error) {
	// Asked before anything is written, so that it can be answered with a 404.
	if _, err := s.invoker.Invocation(ctx, in.ID); err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		_, w := humago.Unwrap(c)
		if in.Follow || acceptsEvents(in.Accept) {
			s.streamEvents(ctx, w, in.ID, in.Follow)
			return
		}
		s.writeText(ctx, w, in.ID)
	}}, nil
}

// acceptsEvents reports whether an Accept header names server-sent events.
func acceptsEvents(accept string) bool {
	for item := range strings.SplitSeq(accept, ",") {
		if t, _, _ := mime.ParseMediaType(item); t == eventType {
			return true
		}
	}
	return false
}

// writeText writes the lines that there are. An answer that cannot be completed
// is broken off, so that it is not taken for a whole one.
func (s *server) writeText(ctx context.Context, w http.ResponseWriter, id string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff") // tasks print what they like
	unsent := newSlowWriter(w)
	out := bufio.NewWriterSize(unsent, 32<<10)
	for line, err := range s.invoker.Logs(ctx, id, false) {
		if err != nil {
			p := s.problem(ctx, err)
			if unsent.started {
				panic(http.ErrAbortHandler) // net/http's way to break an answer off
			}
			apierror.WriteProblem(w, p)
			return
		}
		_, textErr := out.WriteString(line.Text)
		if err := errors.Join(textErr, out.WriteByte('\n')); err != nil {
			return // the client is gone
		}
	}
	_ = out.Flush()
}
