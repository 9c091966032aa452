package runwith

import (
	"fmt"
	"net/http"
)

// Code is a canonical error code. The numbers, names and HTTP statuses are those
// of google.rpc.Code, so an error keeps its meaning over gRPC, in Google's REST
// errors and in problem+json.
//
// The zero value is [OK], which is never the code of an [Error].
//
// See https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto.
type Code int

// The canonical codes.
const (
	OK                 Code = 0
	Canceled           Code = 1
	Unknown            Code = 2
	InvalidArgument    Code = 3
	DeadlineExceeded   Code = 4
	NotFound           Code = 5
	AlreadyExists      Code = 6
	PermissionDenied   Code = 7
	ResourceExhausted  Code = 8
	FailedPrecondition Code = 9
	Aborted            Code = 10
	OutOfRange         Code = 11
	Unimplemented      Code = 12
	Internal           Code = 13
	Unavailable        Code = 14
	DataLoss           Code = 15
	Unauthenticated    Code = 16
)

// codes is indexed by Code.
var codes = [...]struct {
	name string
	http int
}{
	OK:                 {"OK", http.StatusOK},
	Canceled:           {"CANCELLED", 499}, // nginx's "client closed request"; google.rpc.Code defines it
	Unknown:            {"UNKNOWN", http.StatusInternalServerError},
	InvalidArgument:    {"INVALID_ARGUMENT", http.StatusBadRequest},
	DeadlineExceeded:   {"DEADLINE_EXCEEDED", http.StatusGatewayTimeout},
	NotFound:           {"NOT_FOUND", http.StatusNotFound},
	AlreadyExists:      {"ALREADY_EXISTS", http.StatusConflict},
	PermissionDenied:   {"PERMISSION_DENIED", http.StatusForbidden},
	ResourceExhausted:  {"RESOURCE_EXHAUSTED", http.StatusTooManyRequests},
	FailedPrecondition: {"FAILED_PRECONDITION", http.StatusBadRequest},
	Aborted:            {"ABORTED", http.StatusConflict},
	OutOfRange:         {"OUT_OF_RANGE", http.StatusBadRequest},
	Unimplemented:      {"UNIMPLEMENTED", http.StatusNotImplemented},
	Internal:           {"INTERNAL", http.StatusInternalServerError},
	Unavailable:        {"UNAVAILABLE", http.StatusServiceUnavailable},
	DataLoss:           {"DATA_LOSS", http.StatusInternalServerError},
	Unauthenticated:    {"UNAUTHENTICATED", http.StatusUnauthorized},
}

// String returns the code's canonical name, such as "NOT_FOUND".
func (c Code) String() string {
	if !c.valid() {
		return fmt.Sprintf("CODE(%d)", int(c))
	}
	return codes[c].name
}

// HTTPStatus returns the code's HTTP status, and 500 for an invalid code. Several
// codes share a status, so response bodies carry the code's name too.
func (c Code) HTTPStatus() int {
	if !c.valid() {
		return http.StatusInternalServerError
	}
	return codes[c].http
}

func (c Code) valid() bool { return c >= 0 && int(c) < len(codes) }

// ParseCode returns the code with the canonical name s. If there is none, it returns
// [Unknown] and false.
func ParseCode(s string) (Code, bool) {
	for c := range codes {
		if codes[c].name == s {
			return Code(c), true
		}
	}
	return Unknown, false
}

// codeOfStatus returns the most likely code for an HTTP status, for answers whose
// body contains no code, such as a proxy's.
func codeOfStatus(status int) Code {
	switch status {
	case http.StatusConflict:
		return Aborted
	case http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		return InvalidArgument
	case http.StatusMethodNotAllowed:
		return Unimplemented
	case http.StatusRequestTimeout:
		return DeadlineExceeded
	case http.StatusBadGateway:
		return Unavailable
	}
	for c, row := range codes {
		if row.http == status {
			return Code(c)
		}
	}
	return Unknown
}
