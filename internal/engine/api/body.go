package api

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/googlejson"
	"github.com/runwith/runwith/internal/jobspec"
)

// readAll reads a body of at most maxMessage bytes.
func readAll(body io.Reader) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(body, maxMessage+1))
	if _, refused := errors.AsType[*runwith.Error](err); err != nil && !refused {
		err = runwith.Errorf(runwith.InvalidArgument, "body: cannot be read to its end; send it again")
	}
	if len(raw) > maxMessage {
		err = runwith.Errorf(runwith.InvalidArgument, "the request has more than %d bytes", maxMessage)
	}
	return raw, err
}

// noBody refuses a body of a method that has none. Some clients send an empty one.
func noBody(body []byte) error {
	if text := string(bytes.TrimSpace(body)); text != "" && text != "{}" && text != "null" {
		return runwith.Errorf(runwith.InvalidArgument, "body: this method takes none, leave it out")
	}
	return nil
}

// respelled returns an error with the names of fields as the caller spelled them, in the
// query or in the body.
func respelled(err error, query url.Values, body []byte) error {
	e, ok := errors.AsType[*runwith.Error](err)
	violations := jobspec.ViolationsOf(err)
	if !ok || len(violations) == 0 {
		return err
	}
	speller := googlejson.NewSpeller(body)
	speller.Sent = slices.Collect(maps.Keys(query))
	renamed := *e
	for _, v := range violations {
		if strings.HasPrefix(v.Text, "length cannot exceed") {
			continue // Google's own text, with the proto's names
		}
		spelled := jobspec.Violation{Path: speller.Spell(v.Path), Text: v.Text}
		renamed.Message = strings.Replace(renamed.Message, v.String(), spelled.String(), 1)
	}
	return &renamed
}
