package cloudrun

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"

	"cloud.google.com/go/logging/apiv2/loggingpb"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/runwith/runwith"
)

// maxEntry bounds an entry, in bytes of JSON. Cloud Logging's have at most 256 KiB of text, and JSON
// takes up to six bytes for one.
//
// See https://cloud.google.com/logging/quotas#log-limits.
const maxEntry = 2 << 20

// entryPage is a page of a list of log entries. It is read entry by entry, so that memory never
// holds the JSON of a whole page.
type entryPage struct {
	most    int // entries
	read    int // entries, those of other logs included
	entries []*loggingpb.LogEntry
	token   string // of the next page
}

// decode reads a page. If it fails with errTooLarge, the page has the entries that came before.
func (p *entryPage) decode(d *json.Decoder) error {
	if err := p.object(d); err != nil {
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			return tooLarge("Cloud Logging", err)
		}
		if e, ok := errors.AsType[*runwith.Error](err); ok {
			return e
		}
		return &runwith.Error{Code: runwith.Unavailable, Err: brief{err}, Message: "Cloud Logging's answer is cut off, or is no JSON: " + LookAtServer}
	}
	return nil
}

func (p *entryPage) object(d *json.Decoder) error {
	if err := open(d, '{'); err != nil {
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		switch name {
		case "entries":
			err = p.list(d)
		case "nextPageToken":
			err = d.Decode(&p.token)
		default:
			err = d.Decode(&json.RawMessage{})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *entryPage) list(d *json.Decoder) error {
	if err := open(d, '['); err != nil {
		return err
	}
	for d.More() {
		if p.read++; p.read > p.most {
			return runwith.Errorf(runwith.Internal, "Cloud Logging's answer has more than the %d entries that it was asked for: %s", p.most, LookAtServer)
		}
		var text json.RawMessage
		if err := d.Decode(&text); err != nil {
			return err
		}
		if len(text) > maxEntry {
			return runwith.Errorf(runwith.Internal, "Cloud Logging's answer has an entry of %d bytes, and its limit is 256 KiB: %s", len(text), LookAtServer)
		}
		if err := p.add(text); err != nil {
			return &runwith.Error{Code: runwith.Internal, Message: "Cloud Logging's answer holds an entry that cannot be read", Err: brief{err}}
		}
	}
	_, err := d.Token()
	return err
}

// add decodes an entry if a task wrote it, and keeps what this program uses. It skips the others
// (of the platform, of audits) unread, because their payloads have types that this program does
// not know.
func (p *entryPage) add(text []byte) error {
	var head struct {
		LogName string `json:"logName"`
	}
	if err := json.Unmarshal(text, &head); err != nil || stream(head.LogName) == "" {
		return err
	}
	e := &loggingpb.LogEntry{}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(text, e); err != nil {
		return err
	}
	maps.DeleteFunc(e.GetLabels(), func(name, _ string) bool { return name != taskIndex && name != taskAttempt })
	p.entries = append(p.entries, &loggingpb.LogEntry{
		LogName: e.GetLogName(), InsertId: e.GetInsertId(), Timestamp: e.GetTimestamp(), Labels: e.GetLabels(),
		Payload: &loggingpb.LogEntry_TextPayload{TextPayload: entryText(e)}, // a line that was JSON takes far more room decoded
	})
	return nil
}

// open reads the beginning of an object or a list.
func open(d *json.Decoder, want json.Delim) error {
	got, err := d.Token()
	if err == nil && got != want {
		err = fmt.Errorf("%.20q stands where %v should", fmt.Sprint(got), want)
	}
	return err
}

// wholeReader fills each buffer. [json.Decoder] reads all white space again after each read, so that
// small reads of much white space would take minutes.
type wholeReader struct{ from io.Reader }

// Read implements [io.Reader].
func (r wholeReader) Read(buffer []byte) (int, error) {
	n, err := io.ReadFull(r.from, buffer)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, err
}
