package api

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/guard"
	"github.com/runwith/runwith/internal/invoker"
)

// batchRequest is the body of a batch. It keeps the items as they were sent: each is checked
// by itself, so that a faulty one does not hurt the others.
type batchRequest struct {
	Items []batchItem `json:"items" minItems:"1" maxItems:"1000" nullable:"false" doc:"The requests to start the job."`

	body []byte
}

// UnmarshalJSON implements [json.Unmarshaler].
func (b *batchRequest) UnmarshalJSON(data []byte) error {
	b.body = bytes.Clone(data)
	return nil
}

// split returns the items. It refuses the batch if it is no batch, or too large.
func (b *batchRequest) split() ([]json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(b.body))
	if open, _ := d.Token(); open != json.Delim('{') {
		return nil, apierror.Invalid(apierror.Fault{Location: "body", Message: "must be an object with items"})
	}
	var items []json.RawMessage
	for found := false; d.More(); found = true {
		name, _ := d.Token() // the JSON is valid
		if name != "items" || found {
			return nil, apierror.Invalid(apierror.Fault{Location: fmt.Sprintf("body.%v", name), Message: "a batch has one field, items"})
		}
		if err := d.Decode(&items); err != nil {
			return nil, apierror.Invalid(apierror.Fault{Location: "body.items", Message: "must be a list"})
		}
	}
	switch {
	case len(items) == 0:
		return nil, apierror.Invalid(apierror.Fault{Location: "body.items", Message: "has no item"})
	case len(items) > invoker.MaxBatch:
		return nil, apierror.Invalid(apierror.Fault{Location: "body.items",
			Message: fmt.Sprintf("has %d items, and a batch has at most %d: send several batches", len(items), invoker.MaxBatch)})
	}
	return items, nil
}

// readBatch is readBody for a batch, whose items are checked later.
func (s *server) readBatch(ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		err = unreadable(err)
	} else {
		err = cmp.Or(s.checkPresent(ctx.Operation(), body), checkBatch(r.Header, body))
	}
	if err != nil {
		apierror.WriteProblem(w, s.problem(r.Context(), err))
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json") // huma knows no other
	next(ctx)
}

// checkBatch refuses a body that is not JSON.
func checkBatch(h http.Header, body []byte) error {
	if refusal := guard.CheckJSON(h); refusal != nil {
		return refusal
	}
	if !json.Valid(body) {
		return apierror.Invalid(apierror.Fault{Location: "body", Message: malformed(body).Error()})
	}
	return nil
}
