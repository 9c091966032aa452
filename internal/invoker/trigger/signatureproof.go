package trigger

import (
	"crypto/sha256"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxProofs bounds the signatures of one request, each of which costs time to check.
const maxProofs = 16

// proof is a signature in a header.
type proof struct {
	version string // of Standard Webhooks; otherwise v1
	bytes   []byte
}

// proofs returns the signatures of a request.
func (s signature) proofs(header http.Header) ([]proof, error) {
	text, err := single(header, s.header)
	switch {
	case err != nil:
		return nil, err
	case text == "":
		return nil, unproved("the header %s is missing: set the trigger's secret where the webhook is defined, so that its sender signs events", s.header)
	case s.list:
		return s.listed(text)
	}
	bare, ok := strings.CutPrefix(text, s.prefix)
	if !ok {
		return nil, unproved("%s: must begin with %s", s.header, s.prefix)
	}
	one, err := s.decode(bare)
	switch {
	case err != nil:
		return nil, unproved("%s: the signature is not written as the trigger expects it (signature.encoding: hex or base64)", s.header)
	case len(one) != sha256.Size:
		return nil, unproved("%s: the signature has %d bytes, and an HMAC-SHA256 has %d", s.header, len(one), sha256.Size)
	}
	return []proof{{v1, one}}, nil
}

// listed returns the signatures of a list. It skips versions that it does not know, and
// faulty signatures, because one of the others may match.
func (s signature) listed(text string) (all []proof, err error) {
	fields := strings.Fields(text)
	if len(fields) > maxProofs {
		return nil, unproved("%s: has %d signatures, and at most %d are checked", s.header, len(fields), maxProofs)
	}
	for _, field := range fields {
		version, encoded, _ := strings.Cut(field, ",")
		if one, err := s.decode(encoded); err == nil && (version == v1 || version == v1a) {
			all = append(all, proof{version, one})
		}
	}
	if all == nil {
		return nil, unproved("%s: has no signature such as v1,BASE64", s.header)
	}
	return all, nil
}

// timestamp returns the time of sending as it is written, and in seconds.
func (s signature) timestamp(header http.Header) (text string, seconds int64, err error) {
	if text, err = single(header, s.timestampHeader); err != nil {
		return "", 0, err
	}
	if text == "" {
		return "", 0, unproved("the header %s is missing: it has the time of sending", s.timestampHeader)
	}
	if seconds, err = strconv.ParseInt(text, 10, 64); err != nil {
		return "", 0, unproved("%s: must be the number of seconds since 1970", s.timestampHeader)
	}
	return text, seconds, nil
}

// checkTime refuses an event that was sent too long ago, because somebody may have recorded
// it, and one that was sent in the future.
func (s signature) checkTime(seconds int64, now time.Time) error {
	const hint = "compare the clocks of both machines; a sender signs every attempt anew, with the time of the attempt"
	switch age := now.Sub(time.Unix(seconds, 0)).Round(time.Second); {
	case age.Abs() > max(365*24*time.Hour, s.tolerance):
		return unproved("%s: is more than a year off: it must be the number of seconds since 1970", s.timestampHeader)
	case age > s.tolerance:
		return unproved("%s: the event was sent %v before the time of this server (%s), and at most %v is allowed: %s",
			s.timestampHeader, age, now.UTC().Format(time.RFC3339), s.tolerance, hint)
	case age < -s.tolerance:
		return unproved("%s: the event was sent %v after the time of this server (%s), and at most %v is allowed: %s",
			s.timestampHeader, -age, now.UTC().Format(time.RFC3339), s.tolerance, hint)
	}
	return nil
}
