package cloudrun

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"google.golang.org/grpc/status"

	"github.com/runwith/runwith"
)

// maxErrorBody bounds how much of an error's body is read.
const maxErrorBody = 64 << 10

// failure turns an error of the client library into one that callers may see.
func (c *Client) failure(err error, f *flight) *runwith.Error {
	e := &runwith.Error{Code: runwith.CodeOf(err), Message: err.Error(), Err: brief{err}}
	if s, ok := status.FromError(err); ok {
		e.Code, e.Message = code(int(s.Code())), s.Message()
	}
	e.Message = short(e.Message, maxMessage)
	if !f.grounded() {
		return e
	}
	e.Err = fmt.Errorf("%w: %w", ErrNotSent, e.Err)
	if e.Code == runwith.Unavailable {
		e.Message = unreachable(c.endpoint)
	}
	return e
}

// logFailure is failure for a request to Cloud Logging that got no answer.
func (c *Client) logFailure(ctx context.Context, err error) *runwith.Error {
	if ctx.Err() != nil {
		return &runwith.Error{Code: runwith.CodeOf(ctx.Err()), Message: "read the log: " + ctx.Err().Error(), Err: brief{err}}
	}
	return &runwith.Error{Code: runwith.Unavailable, Message: unreachable(c.logging), Err: brief{err}}
}

func unreachable(endpoint string) string {
	if endpoint == googleRun || endpoint == googleLogging {
		return endpoint + " cannot be reached: check network, DNS and proxy of this machine"
	}
	return fmt.Sprintf("%s cannot be reached: start the server, or correct --endpoint", endpoint)
}

// httpFailure reads an error in Google's form, {"error":{code,message,status}}. The status
// in the body decides. If a proxy answered without one, the HTTP status does.
func httpFailure(response *http.Response) *runwith.Error {
	body, _ := io.ReadAll(io.LimitReader(response.Body, maxErrorBody))
	var answer struct {
		Error struct {
			Message string `json:"message"`
			Status  string `json:"status"`
		} `json:"error"`
	}
	_ = json.Unmarshal(body, &answer) // an unreadable body has no status
	e := &runwith.Error{Code: codeOfHTTP(response.StatusCode), Message: answer.Error.Message, Err: throttled(response.Header)}
	if named, ok := runwith.ParseCode(answer.Error.Status); ok {
		e.Code = named
	}
	if e.Message == "" {
		e.Message = "Cloud Logging answered " + response.Status
	}
	e.Message = short(e.Message, maxMessage)
	return e
}

// codeOfHTTP returns the first code that has the status.
func codeOfHTTP(status int) runwith.Code {
	if status == http.StatusBadGateway {
		return runwith.Unavailable
	}
	for c := runwith.Canceled; c <= runwith.Unauthenticated; c++ {
		if c.HTTPStatus() == status {
			return c
		}
	}
	return runwith.Unknown
}

func code(n int) runwith.Code {
	if n <= int(runwith.OK) || n > int(runwith.Unauthenticated) {
		return runwith.Unknown
	}
	return runwith.Code(n)
}
