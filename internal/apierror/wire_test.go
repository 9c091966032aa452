package apierror_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/api/googleapi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/cause"
)

// sample is an error and what every caller must see of it.
type sample struct {
	err     error
	code    runwith.Code
	message string
	status  int
}

// samples has an error of each code without a cause and with each cause.
func samples() (all []sample) {
	statuses := map[cause.Kind]int{
		cause.BodyTooLarge: 413, cause.BodyTooSlow: 408, cause.ContentType: 415,
		cause.MethodNotAllowed: 405, cause.KeyReused: 422, cause.Parameters: 422, cause.DiskFull: 503, cause.BudgetExhausted: 429,
	}
	const message = `field "args": is <wrong>, 100 % and ünïcode`
	secret := errors.New("a secret cause")
	for code := runwith.Canceled; code <= runwith.Unauthenticated; code++ {
		plain := &runwith.Error{Code: code, Message: message, Err: secret}
		all = append(all, sample{fmt.Errorf("wrapped: %w", plain), code, message, code.HTTPStatus()})
		for _, kind := range cause.Kinds() {
			caused := &runwith.Error{Code: code, Message: message, Err: fmt.Errorf("%w: %w", kind, secret)}
			all = append(all, sample{caused, code, message, statuses[kind]})
		}
	}
	return all
}

// wires write an error and return it as the clients of the format decode it, with the
// HTTP status if the format has one.
var wires = map[string]func(*testing.T, error) (httpStatus int, err error){
	"problem+json": overProblem,
	"Google JSON":  overGoogle,
	"gRPC handler": overGRPC,
	"gRPC trailers": func(t *testing.T, err error) (int, error) {
		return 0, invoke(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { apierror.WriteGRPC(w, err) }))
	},
}

func TestErrorsOnEveryWire(t *testing.T) {
	t.Parallel()
	for wire, send := range wires {
		t.Run(wire, func(t *testing.T) {
			t.Parallel()
			for _, s := range samples() {
				httpStatus, got := send(t, s.err)
				if code := runwith.CodeOf(got); code != s.code {
					t.Errorf("%v: code = %v, want %v", s.err, code, s.code)
				}
				if got == nil || got.Error() != s.message {
					t.Errorf("%v: message = %v, want %q", s.err, got, s.message)
				}
				if httpStatus != 0 && httpStatus != s.status {
					t.Errorf("%v (%v): HTTP status = %d, want %d", s.err, errors.Unwrap(s.err), httpStatus, s.status)
				}
			}
		})
	}
}

func TestUnknownErrorsStayInTheProcess(t *testing.T) {
	t.Parallel()
	for wire, send := range wires {
		_, got := send(t, errors.New("a secret cause"))
		if code := runwith.CodeOf(got); code != runwith.Internal {
			t.Errorf("%s: code = %v, want INTERNAL", wire, code)
		}
		if got == nil || strings.Contains(got.Error(), "secret") {
			t.Errorf("%s: message = %v, want it without the cause", wire, got)
		}
	}
}

func TestEndOfContext(t *testing.T) {
	t.Parallel()
	for want, err := range map[runwith.Code]error{
		runwith.Canceled:         context.Canceled,
		runwith.DeadlineExceeded: fmt.Errorf("read: %w", context.DeadlineExceeded),
	} {
		for wire, send := range wires {
			if _, got := send(t, err); runwith.CodeOf(got) != want {
				t.Errorf("%s: code of %v = %v, want %v", wire, err, runwith.CodeOf(got), want)
			}
		}
	}
}

// A gRPC status passes REST too: grpc-go's generated servers return one from methods
// that are not implemented.
func TestGRPCStatusOverREST(t *testing.T) {
	t.Parallel()
	httpStatus, err := overGoogle(t, status.Error(codes.Unimplemented, "method X not implemented"))
	if runwith.CodeOf(err) != runwith.Unimplemented || err.Error() != "method X not implemented" {
		t.Errorf("error = %v, want UNIMPLEMENTED with its message", err)
	}
	if httpStatus != http.StatusNotImplemented {
		t.Errorf("HTTP status = %d, want 501", httpStatus)
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("broken"), 0},
		{cause.RetryAfter(-time.Minute), 0},
		{cause.RetryAfter(time.Millisecond), 1},
		{&runwith.Error{Code: runwith.ResourceExhausted, Err: cause.RetryAfter(30 * time.Second)}, 30},
		{cause.RetryAfter(30*time.Second + 1), 31},
	} {
		if got := apierror.RetryAfter(test.err); got != test.want {
			t.Errorf("RetryAfter(%v) = %d, want %d", test.err, got, test.want)
		}
	}
}

// A problem always tells clients when to try again if they shall; Google's errors do
// only if the server knows it.
func TestRetryAfterHeader(t *testing.T) {
	t.Parallel()
	known := &runwith.Error{Code: runwith.ResourceExhausted, Err: cause.RetryAfter(30 * time.Second)}
	for _, test := range []struct {
		write func(http.ResponseWriter, error)
		err   error
		want  string
	}{
		{apierror.WriteProblem, known, "30"},
		{apierror.WriteProblem, runwith.Errorf(runwith.Unavailable, "try later"), "1"},
		{apierror.WriteProblem, &runwith.Error{Code: runwith.ResourceExhausted, Err: cause.DiskFull}, "1"},
		{apierror.WriteProblem, runwith.Errorf(runwith.NotFound, "no job"), ""},
		{apierror.WriteGoogle, known, "30"},
		{apierror.WriteGoogle, runwith.Errorf(runwith.Unavailable, "try later"), ""},
	} {
		w := httptest.NewRecorder()
		test.write(w, test.err)
		if got := w.Header().Get("Retry-After"); got != test.want {
			t.Errorf("Retry-After of %v = %q, want %q", test.err, got, test.want)
		}
	}
}

func TestInvalidListsFaultsInOrder(t *testing.T) {
	t.Parallel()
	p := apierror.Invalid(apierror.Fault{Location: "query.b"}, apierror.Fault{Location: "body.a"})
	if p.Status != http.StatusBadRequest || runwith.CodeOf(p) != runwith.InvalidArgument {
		t.Errorf("problem = %d %v, want 400 INVALID_ARGUMENT", p.Status, runwith.CodeOf(p))
	}
	if len(p.Errors) != 2 || p.Errors[0].Location != "body.a" {
		t.Errorf("faults = %v, want body.a first", p.Errors)
	}
	if p := apierror.Invalid(make([]apierror.Fault, 101)...); len(p.Errors) != 100 || !strings.Contains(p.Detail, "100 of 101") {
		t.Errorf("problem with 101 faults lists %d and says %q, want 100 of 101", len(p.Errors), p.Detail)
	}
}

// overProblem decodes with the Go client.
func overProblem(t *testing.T, err error) (int, error) {
	t.Helper()
	response := respond(t, func(w http.ResponseWriter) { apierror.WriteProblem(w, err) })
	client := &runwith.Client{Server: "http://invoker.test", HTTPClient: &http.Client{Transport: answer{response}}}
	_, got := client.Invocation(t.Context(), "inv-1")
	return response.StatusCode, got
}

// overGoogle decodes with the library of Google's REST clients.
func overGoogle(t *testing.T, err error) (int, error) {
	t.Helper()
	response := respond(t, func(w http.ResponseWriter) { apierror.WriteGoogle(w, err) })
	got, ok := errors.AsType[*googleapi.Error](googleapi.CheckResponse(response))
	if !ok {
		return response.StatusCode, errors.New("no error in Google's format")
	}
	if got.Code != response.StatusCode {
		t.Errorf("%v: code in the body = %d, want the HTTP status %d", err, got.Code, response.StatusCode)
	}
	for code := runwith.Canceled; code <= runwith.Unauthenticated; code++ {
		if strings.Contains(got.Body, `"status": `+strconv.Quote(code.String())) {
			return response.StatusCode, runwith.Errorf(code, "%s", got.Message)
		}
	}
	return response.StatusCode, errors.New("no code in " + got.Body)
}

// overGRPC decodes with a gRPC client what a gRPC server's handler returned.
func overGRPC(t *testing.T, err error) (int, error) {
	t.Helper()
	return apierror.Status(apierror.GRPC(err)), invoke(t, grpc.NewServer(grpc.UnknownServiceHandler(func(any, grpc.ServerStream) error { return apierror.GRPC(err) })))
}

// respond returns what a handler writes, as a client gets it.
func respond(t *testing.T, write func(http.ResponseWriter)) *http.Response {
	t.Helper()
	w := httptest.NewRecorder()
	write(w)
	return w.Result()
}

// answer is a transport that has one response for every request.
type answer struct{ response *http.Response }

func (a answer) RoundTrip(*http.Request) (*http.Response, error) { return a.response, nil }

// invoke makes a gRPC call to the handler and returns its error.
func invoke(t *testing.T, handler http.Handler) error {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	defer server.Close()
	target, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient(target.Host, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = conn.Invoke(t.Context(), "/test.Service/Method", &emptypb.Empty{}, &emptypb.Empty{})
	s := status.Convert(err)
	return runwith.Errorf(runwith.Code(s.Code()), "%s", s.Message())
}
