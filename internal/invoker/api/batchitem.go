package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/cause"
	"github.com/runwith/runwith/internal/invoker"
)

// batchItem is the body of a request that starts a job, and the request's key.
type batchItem struct{}

// itemKey is the field of an item that a single request has as a header.
const itemKey = "key"

// Schema implements [huma.SchemaProvider]. It is for the document and for names; an item is
// validated as a single request.
func (batchItem) Schema(r huma.Registry) *huma.Schema {
	s := *startSchema(r)
	s.Properties = maps.Clone(s.Properties)
	s.Properties[itemKey] = &huma.Schema{Type: huma.TypeString, MaxLength: new(invoker.MaxKey),
		Description: "Idempotency-Key of the item. A repeat of the item with the same key is answered with the same invocation.", Examples: []any{"order-17"}}
	return &s
}

// startSchema returns the schema of a request that starts a job.
func startSchema(r huma.Registry) *huma.Schema {
	s := r.Schema(reflect.TypeFor[startRequest](), true, "StartRequest")
	for s.Ref != "" {
		s = r.SchemaFromRef(s.Ref)
	}
	return s
}

// largestItem returns the size of the largest item in bytes: that of the body that starts the
// job.
func (s *server) largestItem(ctx context.Context, job string) int {
	if s.maxBody != nil {
		if own := s.maxBody(ctx, job); own > 0 {
			return min(own, maxBody)
		}
	}
	return maxBody
}

// batchItem returns the request of an item. Its errors are those of a single request.
func (s *server) batchItem(item json.RawMessage, limit int) (q invoker.Request, err error) {
	if len(item) > limit {
		return q, tooLarge(limit)
	}
	if err := checkJSON(item); err != nil {
		return q, apierror.Invalid(apierror.Fault{Location: "body", Message: err.Error()})
	}
	value, key, faults := s.itemValue(item)
	faults = append(faults, s.validate(value)...)
	if len(faults) > 0 {
		return q, translated(&huma.ErrorModel{Errors: faults})
	}
	body := startRequest{}
	if err := readJSON(item, &body); err != nil {
		return q, apierror.Invalid(apierror.Fault{Location: "body", Message: err.Error()})
	}
	if faults := details(body.Resolve(nil, huma.NewPathBuffer([]byte("body"), len("body")))); len(faults) > 0 {
		return q, translated(&huma.ErrorModel{Errors: faults})
	}
	return invoker.Request{Key: key, Asked: body.request()}, nil
}

// itemValue returns an item without its key, and the key.
func (s *server) itemValue(item json.RawMessage) (value any, key string, faults []*huma.ErrorDetail) {
	if err := json.Unmarshal(item, &value); err != nil {
		return nil, "", []*huma.ErrorDetail{{Location: "body", Message: "cannot be read"}}
	}
	n := names{schemas: s.schemas}
	n.find("body", batchItem{}.Schema(s.schemas), value)
	object, _ := value.(map[string]any)
	named, present := object[itemKey]
	delete(object, itemKey)
	if !present {
		return value, "", details(n.faults)
	}
	key, text := named.(string)
	err := checkKey(key)
	if !text {
		err = errors.New("must be a text")
	}
	if err != nil {
		n.faults = append(n.faults, &huma.ErrorDetail{Location: "body." + itemKey, Message: err.Error()})
	}
	return value, key, details(n.faults)
}

// validate holds a value against the schema of a request that starts a job.
func (s *server) validate(value any) []*huma.ErrorDetail {
	result := &huma.ValidateResult{}
	huma.Validate(s.schemas, startSchema(s.schemas), huma.NewPathBuffer([]byte("body"), len("body")), huma.ModeWriteToServer, value, result)
	return details(result.Errors)
}

// details returns huma's errors about fields.
func details(errs []error) (all []*huma.ErrorDetail) {
	for _, err := range errs {
		if d, ok := errors.AsType[*huma.ErrorDetail](err); ok {
			all = append(all, d)
		}
	}
	return all
}

// tooLarge returns the error for a body beyond its limit.
func tooLarge(limit int) error {
	return &runwith.Error{
		Code: runwith.InvalidArgument, Err: cause.BodyTooLarge,
		Message: fmt.Sprintf("the request's body is larger than %d bytes; send a smaller one", limit),
	}
}
