package trigger

import (
	"net/http"
	"time"

	"github.com/runwith/runwith"
)

// message is what a source has sent.
type message struct {
	header http.Header
	body   []byte
	id     string // of a webhook, by its verified signature; empty if it has none
}

// event is a decoded message.
type event struct {
	content  any       // what pointers point into
	identity []string  // at the source; nil: it has none
	at       time.Time // when it happened; zero: unknown
}

// source decodes the messages of one type.
type source interface {
	// decode returns the event in a message. The error is permanent, and has no values.
	decode(message) (event, error)
	// keeps reports whether decoding needs a header, by its canonical name.
	keeps(header string) bool
	// proof is a header that every message has, and that no web page can send without asking;
	// empty if there is none.
	proof() string
}

// malformed returns the error for a message that is not what its type demands.
func malformed(format string, args ...any) error {
	return runwith.Errorf(runwith.InvalidArgument, format, args...)
}

// single returns the value of a header that may occur once; empty if it does not occur.
func single(h http.Header, name string) (string, error) {
	switch values := h[http.CanonicalHeaderKey(name)]; len(values) {
	case 0:
		return "", nil
	case 1:
		return values[0], nil
	}
	return "", malformed("the header %s occurs more than once", name)
}

// timeOf reads a time in RFC 3339; zero for no text.
func timeOf(field, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, malformed("%s is not a time in RFC 3339", field)
	}
	return at, nil
}
