package runwith

import (
	"net/http"
	"testing"

	rpccode "google.golang.org/genproto/googleapis/rpc/code"
)

// statuses are the HTTP statuses in the comments of google/rpc/code.proto.
var statuses = map[Code]int{
	OK:                 200,
	Canceled:           499,
	Unknown:            500,
	InvalidArgument:    400,
	DeadlineExceeded:   504,
	NotFound:           404,
	AlreadyExists:      409,
	PermissionDenied:   403,
	ResourceExhausted:  429,
	FailedPrecondition: 400,
	Aborted:            409,
	OutOfRange:         400,
	Unimplemented:      501,
	Internal:           500,
	Unavailable:        503,
	DataLoss:           500,
	Unauthenticated:    401,
}

func TestCodesMatchGoogle(t *testing.T) {
	t.Parallel()
	if len(codes) != len(rpccode.Code_name) {
		t.Errorf("number of codes = %d, want google.rpc.Code's %d", len(codes), len(rpccode.Code_name))
	}
	for number, name := range rpccode.Code_name {
		code := Code(number)
		if got := code.String(); got != name {
			t.Errorf("Code(%d).String() = %q, want %q", number, got, name)
		}
		if got, ok := ParseCode(name); got != code || !ok {
			t.Errorf("ParseCode(%q) = %v, %v, want %v, true", name, got, ok, code)
		}
		if got, want := code.HTTPStatus(), statuses[code]; got != want {
			t.Errorf("%v.HTTPStatus() = %d, want %d", code, got, want)
		}
	}
}

func TestCodeOutOfRange(t *testing.T) {
	t.Parallel()
	for code, want := range map[Code]string{-1: "CODE(-1)", 17: "CODE(17)"} {
		if got := code.String(); got != want {
			t.Errorf("Code(%d).String() = %q, want %q", int(code), got, want)
		}
		if got := code.HTTPStatus(); got != http.StatusInternalServerError {
			t.Errorf("Code(%d).HTTPStatus() = %d, want 500", int(code), got)
		}
	}
}

func TestParseCodeRefuses(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "not_found", "NOT_FOUND ", "CANCELED", "CODE(17)"} {
		if got, ok := ParseCode(name); got != Unknown || ok {
			t.Errorf("ParseCode(%q) = %v, %v, want UNKNOWN, false", name, got, ok)
		}
	}
}

func TestCodeOfStatus(t *testing.T) {
	t.Parallel()
	tests := map[int]Code{
		200: OK,
		400: InvalidArgument,
		401: Unauthenticated,
		403: PermissionDenied,
		404: NotFound,
		409: Aborted,
		413: InvalidArgument,
		415: InvalidArgument,
		418: Unknown,
		422: InvalidArgument,
		429: ResourceExhausted,
		499: Canceled,
		500: Unknown,
		501: Unimplemented,
		502: Unavailable,
		503: Unavailable,
		504: DeadlineExceeded,
	}
	for status, want := range tests {
		if got := codeOfStatus(status); got != want {
			t.Errorf("codeOfStatus(%d) = %v, want %v", status, got, want)
		}
	}
}

// TestCodeOfStatusRoundTrip checks that a code's status leads to a code with the same
// status.
func TestCodeOfStatusRoundTrip(t *testing.T) {
	t.Parallel()
	for code, status := range statuses {
		if got := codeOfStatus(status).HTTPStatus(); got != status {
			t.Errorf("codeOfStatus(%d).HTTPStatus() = %d, want the status of %v", status, got, code)
		}
	}
}
