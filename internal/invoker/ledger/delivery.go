package ledger

import (
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// DeliveryState is the state of a [Delivery].
type DeliveryState string

// The states. All but pending are ends, out of which only a replay leads.
const (
	// DeliveryPending means that the event is delivered next, or tried again. It waits as long
	// as its endpoint is disabled.
	DeliveryPending DeliveryState = "pending"
	// DeliveryDelivered means that the endpoint has accepted the event.
	DeliveryDelivered DeliveryState = "delivered"
	// DeliveryFailed means that the last attempt failed, and no other follows.
	DeliveryFailed DeliveryState = "failed"
)

// Delivery is one event for one endpoint.
type Delivery struct {
	// ID stays the same over retries. It is unique by invocation, version and endpoint, and
	// has no dots.
	ID         string
	Invocation string // empty: an event of a budget
	Job, Owner string // Owner is the name of the caller
	// Endpoint and URL are the [Subscriber]'s.
	Endpoint, URL string
	Event         Event
	// Payload is the JSON body, below [MaxPayload] bytes. It is made in the transaction of the
	// move.
	Payload []byte

	State    DeliveryState
	Attempts int
	// Created is the time of the event. NextAttempt is the earliest time of the next attempt;
	// zero means now. Lease is how long an attempt may take that is under way; zero: none is.
	// Ended is zero while the delivery is pending.
	Created, NextAttempt, Lease, Ended time.Time
	LastStatus                         int    // HTTP status of the last attempt; 0: no answer
	LastError                          string // of the last attempt, without secrets; at most [MaxDeliveryError] bytes
}

const (
	// MaxPayload bounds the payload of a delivery, in bytes.
	// See https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md.
	MaxPayload = 20_000
	// MaxDeliveryError bounds the LastError of a delivery, in bytes.
	MaxDeliveryError = 500
	// DeliveryKept is how long a pending delivery keeps its invocation from being removed. It
	// is longer than all retries take together, so an older one waits for a disabled endpoint.
	DeliveryKept = 7 * 24 * time.Hour
)

// Lane returns the name under which a delivery waits, and under which the health of its
// endpoint is kept: the endpoint's, or for an URL of a request also its host, and its port if
// that is not 443. So a host that hangs delays no other, however its URLs spell it.
func (d Delivery) Lane() string { return Lane(d.Endpoint, d.URL) }

// Lane is [Delivery.Lane] for an endpoint and a URL.
func Lane(endpoint, address string) string {
	if address == "" {
		return endpoint
	}
	u, err := url.Parse(address)
	if err != nil {
		return endpoint
	}
	return endpoint + " " + hostOf(u)
}

// hostOf returns the host and port of a URL in one spelling.
func hostOf(u *url.URL) string {
	host, port := strings.ToLower(strings.TrimSuffix(u.Hostname(), ".")), strings.TrimLeft(u.Port(), "0")
	if addr, err := netip.ParseAddr(host); err == nil {
		host = addr.Unmap().String()
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	switch {
	case port == "" && u.Scheme == "http":
		port = "80"
	case port == "" || port == "443":
		return host
	}
	return host + ":" + port
}

// Due returns the earliest time at which the delivery may be leased, while it is pending.
func (d Delivery) Due() time.Time { return Later(d.NextAttempt, d.Lease) }

// TakeTurns returns up to limit deliveries, one of each lane in turn.
func TakeTurns(byLane [][]Delivery, limit int) (taken []Delivery) {
	for turn := 0; ; turn++ {
		more := false
		for _, lane := range byLane {
			if turn < len(lane) && len(taken) < limit {
				taken, more = append(taken, lane[turn]), true
			}
		}
		if !more {
			return taken
		}
	}
}

// Endpoint is the health of a lane of deliveries.
type Endpoint struct {
	Name string // [Delivery.Lane]
	// FailingSince is when the first of the attempts failed that have failed without a success
	// since; zero: the last one succeeded.
	FailingSince time.Time
	// DisabledAt is when deliveries to it were stopped; zero: they were not. Reason is why.
	DisabledAt time.Time
	Reason     string
	// Pending is the number of its pending deliveries. A store counts them.
	Pending int
}
