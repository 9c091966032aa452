package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/guard"
	"github.com/runwith/runwith/internal/invoker/api"
)

// wires are the three ways in which an error leaves the process. Each encodes one
// and reads back what a client sees: the canonical code, the message, and the
// HTTP status where there is one.
var wires = map[string]func(error) (code runwith.Code, message string, http int){
	"gRPC status": func(err error) (runwith.Code, string, int) {
		s := status.Convert(grpcError(publicError(err)))
		return runwith.Code(s.Code()), s.Message(), 0
	},
	"Google's JSON": func(err error) (runwith.Code, string, int) {
		w := httptest.NewRecorder()
		WriteError(w, err)
		var body struct {
			Error struct {
				Code            int
				Message, Status string
			}
		}
		if json.Unmarshal(w.Body.Bytes(), &body) != nil || body.Error.Code != w.Code {
			return runwith.Unknown, "not an error of Google's: " + w.Body.String(), w.Code
		}
		code, _ := runwith.ParseCode(body.Error.Status)
		return code, body.Error.Message, w.Code
	},
	"problem+json": func(err error) (runwith.Code, string, int) {
		w := httptest.NewRecorder()
		api.WriteProblem(w, err)
		var body struct {
			Status       int
			Code, Detail string
		}
		if json.Unmarshal(w.Body.Bytes(), &body) != nil || body.Status != w.Code {
			return runwith.Unknown, "not a problem: " + w.Body.String(), w.Code
		}
		code, _ := runwith.ParseCode(body.Code)
		return code, body.Detail, w.Code
	},
}

func TestEveryCodeSurvivesEveryWire(t *testing.T) {
	t.Parallel()
	for wire, roundTrip := range wires {
		for code := runwith.Canceled; code <= runwith.Unauthenticated; code++ {
			err := fmt.Errorf("context: %w", &runwith.Error{
				Code: code, Message: "what \"may\" be shown: <é>", Err: errors.New("a secret cause")})
			got, message, http := roundTrip(err)
			if got != code || message != "what \"may\" be shown: <é>" {
				t.Errorf("%s: %v came back as %v, %q", wire, code, got, message)
			}
			if http != 0 && http != code.HTTPStatus() {
				t.Errorf("%s: %v has HTTP status %d, want %d", wire, code, http, code.HTTPStatus())
			}
		}
	}
}

// fullDiskError is a cause that knows a better HTTP status than its error's code.
type fullDiskError struct{ error }

func (fullDiskError) HTTPStatus() int { return http.StatusServiceUnavailable }

// What stands around every call keeps an error's cause for REST, and tells it nobody.
func TestACauseMayKnowABetterHTTPStatus(t *testing.T) {
	t.Parallel()
	cause := &runwith.Error{Code: runwith.ResourceExhausted, Message: "the disk is full", Err: fullDiskError{errors.New("a secret cause")}}
	_, err := interceptor(slog.New(slog.DiscardHandler), ownProject{})(t.Context(), nil, &grpc.UnaryServerInfo{}, func(context.Context, any) (any, error) { return nil, cause })
	w := httptest.NewRecorder()
	WriteError(w, err)
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "RESOURCE_EXHAUSTED") {
		t.Errorf("over REST: %d %s, want 503 RESOURCE_EXHAUSTED", w.Code, w.Body)
	}
	s := status.Convert(err)
	if s.Code() != codes.ResourceExhausted || s.Message() != "the disk is full" || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("over gRPC: %v; over REST: %s; want the message alone", s, w.Body)
	}
}

func TestAnErrorWithoutACodeShowsNothingOfItself(t *testing.T) {
	t.Parallel()
	for wire, roundTrip := range wires {
		code, message, _ := roundTrip(errors.New("a secret cause"))
		if code != runwith.Internal || message == "" || message == "a secret cause" {
			t.Errorf("%s: an error without a code came back as %v, %q; want INTERNAL that keeps it", wire, code, message)
		}
	}
}

// A call that the server ends is not one that its caller has left.
func TestACallEndsWithItsCallerAndWithTheServer(t *testing.T) {
	t.Parallel()
	serving, stop := context.WithCancelCause(t.Context())
	waiting := func(ctx context.Context, req any) (any, error) {
		return interceptor(slog.New(slog.DiscardHandler), ownProject{})(ctx, req, &grpc.UnaryServerInfo{}, func(ctx context.Context, _ any) (any, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
	}
	g := &gate{base: serving}
	left, leave := context.WithCancel(t.Context())
	leave()
	if _, err := g.bound(left, nil, nil, waiting); status.Code(err) != codes.Canceled {
		t.Errorf("the call that its caller leaves = %v, want Canceled", err)
	}
	stop(guard.Stopping())
	if _, err := g.bound(t.Context(), nil, nil, waiting); status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "stopping") {
		t.Errorf("the call of a server that stops = %v, want Unavailable", err)
	}
}
