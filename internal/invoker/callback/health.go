package callback

import (
	"fmt"
	"time"

	"github.com/runwith/runwith/internal/invoker/ledger"
)

const (
	// disableAfter is how long every attempt must have failed before an endpoint is disabled.
	disableAfter = 5 * 24 * time.Hour
	// disableSpan is how long one delivery must have failed by then. Without it, the first
	// failure after a long silence would disable an endpoint.
	disableSpan = 12 * time.Hour
)

// healthAfter returns the health of a lane after an attempt.
func healthAfter(h ledger.Endpoint, d ledger.Delivery, o outcome, now time.Time) ledger.Endpoint {
	if !h.DisabledAt.IsZero() {
		return h // only a person enables it
	}
	if o.ok() {
		h.FailingSince, h.Reason = time.Time{}, ""
		return h
	}
	if h.FailingSince.IsZero() {
		h.FailingSince = now
	}
	h.Reason = o.reason
	if d.URL != "" {
		return h // the URLs of other requests may work, so their host is never disabled
	}
	switch {
	case o.gone():
		h.DisabledAt, h.Reason = now, "it answered 410 Gone"
	case now.Sub(h.FailingSince) >= disableAfter && now.Sub(d.Created) >= disableSpan:
		h.DisabledAt = now
		h.Reason = fmt.Sprintf("every attempt has failed since %s; the last one: %s", h.FailingSince.UTC().Format(time.RFC3339), o.reason)
	}
	return h
}

// changed reports whether the store must learn of a new health.
func changed(from, to ledger.Endpoint) bool {
	return !from.FailingSince.Equal(to.FailingSince) || !from.DisabledAt.Equal(to.DisabledAt)
}
