package cloudrun

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"cloud.google.com/go/logging/apiv2/loggingpb"

	"github.com/runwith/runwith"
)

// LogPlace is the place of an entry in a log: its time, and its insert ID among entries of the
// same time, as Cloud Logging orders them. The zero value is before all entries.
//
// See https://cloud.google.com/logging/docs/reference/v2/rest/v2/entries/list#body.request_body.FIELDS.order_by.
type LogPlace struct {
	nanos int64
	id    string
}

func placeOf(e *loggingpb.LogEntry) LogPlace {
	return LogPlace{e.GetTimestamp().AsTime().UnixNano(), e.GetInsertId()}
}

// ParseLogPlace reads what String returns.
func ParseLogPlace(text string) (LogPlace, error) {
	plain, err := base64.RawURLEncoding.DecodeString(text)
	nanos, id, found := strings.Cut(string(plain), " ")
	p := LogPlace{id: id}
	if err == nil && found {
		p.nanos, err = strconv.ParseInt(nanos, 10, 64)
	}
	if err != nil || !found || p.nanos < 0 {
		return LogPlace{}, runwith.Errorf(runwith.InvalidArgument, "%.40q is not the position of a line", text)
	}
	return p, nil
}

// String returns the place as text that callers keep and send back.
func (p LogPlace) String() string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d %s", p.nanos, p.id))
}

// Compare orders places.
func (p LogPlace) Compare(q LogPlace) int {
	return cmp.Or(cmp.Compare(p.nanos, q.nanos), strings.Compare(p.id, q.id))
}

func (p LogPlace) time() time.Time { return time.Unix(0, p.nanos).UTC() }
