package api

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/guard"
	"github.com/runwith/runwith/internal/jsonnames"
	"github.com/runwith/runwith/internal/surrogate"
)

// maxBody is the largest body in bytes. The guard has the same limit.
const maxBody = 1 << 20

// readBody reads the body before huma does. huma would answer 500 to a large body, and
// accept duplicate names.
func (s *server) readBody(ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.largestBody(r)))
	if err != nil {
		err = unreadable(err)
	} else {
		err = cmp.Or(s.checkPresent(ctx.Operation(), body), checkBody(r.Header, body))
	}
	if err != nil {
		apierror.WriteProblem(w, s.problem(r.Context(), err))
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json") // huma knows no other
	s.findUnknownNames(ctx, body)
	next(ctx)
}

// checkPresent refuses a request whose required body is missing, and says what to send. huma's own
// refusal does not.
func (s *server) checkPresent(o *huma.Operation, body []byte) error {
	if len(body) > 0 || !o.RequestBody.Required {
		return nil
	}
	send := strings.Join(resolved(s.schemas, o.RequestBody.Content["application/json"].Schema).Required, " and ")
	return apierror.Invalid(apierror.Fault{Location: "body", Message: "is required: send " + send})
}

// largestBody returns the size of the largest body of a request: maxBody, or less if the job
// in the path has its own limit.
func (s *server) largestBody(r *http.Request) int64 {
	return int64(s.largestItem(r.Context(), r.PathValue("job")))
}

// noBody refuses a body of an operation that has none, which would otherwise be ignored.
func (s *server) noBody(ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	switch text := string(bytes.TrimSpace(body)); {
	case err != nil:
		err = unreadable(err)
	case text != "" && text != "{}":
		err = apierror.Invalid(apierror.Fault{Location: "body", Message: "this operation takes none, leave it out"})
	}
	if err != nil {
		apierror.WriteProblem(w, s.problem(r.Context(), err))
		return
	}
	next(ctx)
}

// unreadable returns the error for a body that could not be read. The guard's errors stay
// as they are.
func unreadable(err error) error {
	if _, ok := errors.AsType[*runwith.Error](err); ok {
		return err
	}
	if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge(int(large.Limit))
	}
	return &runwith.Error{
		Code:    runwith.InvalidArgument,
		Message: "the request's body ended too early or is malformed; send it again",
		Err:     err,
	}
}

// checkBody refuses a body that is not JSON. It accepts an empty body.
func checkBody(h http.Header, body []byte) error {
	if len(body) == 0 {
		return nil
	}
	if refusal := guard.CheckJSON(h); refusal != nil {
		return refusal
	}
	if err := checkJSON(body); err != nil {
		return apierror.Invalid(apierror.Fault{Location: "body", Message: err.Error()})
	}
	return nil
}

// checkJSON returns the position at which data is malformed or would lose information when
// decoded: encoding/json replaces invalid UTF-8 and single surrogates, and uses the last of
// several fields with the same name.
func checkJSON(data []byte) error {
	if at := invalidUTF8(data); at >= 0 {
		return fmt.Errorf("malformed JSON at %s: not UTF-8", position(data, at))
	}
	if !json.Valid(data) { // fast, but without a reason
		return malformed(data)
	}
	if at := surrogate.Lone(data); at >= 0 {
		return fmt.Errorf("malformed JSON at %s: a single surrogate is no character", position(data, at))
	}
	if at := hugeNumber(data); at >= 0 {
		return fmt.Errorf("the number at %s is too large: it must be below 1e308", position(data, at))
	}
	if name, at := jsonnames.Repeated(data); at > 0 {
		return fmt.Errorf("field %q occurs twice, again at %s", name, position(data, at-1))
	}
	return nil
}

// hugeNumber returns the offset of the first number that is beyond those of Go, or -1. data
// is valid JSON.
func hugeNumber(data []byte) int {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	for {
		token, err := d.Token()
		if err != nil { // the end
			return -1
		}
		if number, ok := token.(json.Number); ok {
			if _, err := number.Float64(); err != nil {
				return int(d.InputOffset()) - len(number)
			}
		}
	}
}

// malformed returns the position at which data is not JSON.
func malformed(data []byte) error {
	var v any
	err := json.Unmarshal(data, &v)
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		// Offset counts the bytes read, the offending one included.
		return fmt.Errorf("malformed JSON at %s: %w", position(data, int(e.Offset)-1), e)
	}
	return err
}

// readJSON decodes a body for huma, after checkJSON.
func readJSON(data []byte, v any) error { return readable(json.Unmarshal(data, v)) }

// readable removes Go's types from a decoding error.
func readable(err error) error {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%s cannot be %s", cmp.Or(e.Field, "a value"), e.Value)
	}
	return err
}

// invalidUTF8 returns the index of the first byte that is not UTF-8, or -1.
func invalidUTF8(data []byte) int {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

// position returns the line and column of the byte at an index, both counted from 1, the
// column in characters.
func position(data []byte, index int) string {
	before := data[:max(0, min(index, len(data)))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
	return fmt.Sprintf("line %d, column %d", line, column)
}
