package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/runwith/runwith/internal/apierror"
)

// encoding is the form that a caller wants for its answer.
type encoding struct {
	enumNumbers, pretty bool
}

// marshal returns a message as compact JSON. protojson varies its white space on purpose;
// this removes it.
func (e encoding) marshal(res proto.Message) ([]byte, error) {
	raw, err := protojson.MarshalOptions{UseEnumNumbers: e.enumNumbers}.Marshal(res)
	if err != nil {
		return nil, fmt.Errorf("encode answer: %w", err)
	}
	var out bytes.Buffer
	if err := json.Compact(&out, raw); err != nil {
		return nil, fmt.Errorf("format answer: %w", err)
	}
	return out.Bytes(), nil
}

// write writes an answer that is compact JSON.
func (e encoding) write(w http.ResponseWriter, raw []byte) {
	if e.pretty {
		var out bytes.Buffer
		if err := json.Indent(&out, raw, "", "  "); err != nil {
			apierror.WriteGoogle(w, fmt.Errorf("format answer: %w", err))
			return
		}
		raw = out.Bytes()
	}
	raw = append(raw, '\n')
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(raw)))
	_, _ = w.Write(raw) // the caller may have left
}
