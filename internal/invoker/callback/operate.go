package callback

import (
	"context"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/jobspec"
)

const (
	defaultPage = 50
	maxPage     = 1000
	// replayAtOnce is how many deliveries are replayed in one transaction.
	replayAtOnce = 200
)

// Filter selects deliveries. The zero value selects all.
type Filter struct {
	Invocation string
	// Endpoint is a name as [Sender.Endpoints] returns it.
	Endpoint string
	State    runwith.DeliveryState
	// PageSize is how many to return, 0 for 50. There are never more than 1,000.
	PageSize int
	// PageToken is the next of the page before, which had the same Filter.
	PageToken string
}

// Deliveries returns a page of deliveries without their payloads, newest first, and the token
// of the next page, empty at the end.
func (s *Sender) Deliveries(ctx context.Context, f Filter) (page []runwith.Delivery, next string, err error) {
	if f.PageSize < 0 {
		return nil, "", jobspec.FieldErrorf(runwith.InvalidArgument, "pageSize", "must not be negative")
	}
	switch f.State {
	case "", runwith.DeliveryPending, runwith.DeliveryDelivered, runwith.DeliveryFailed:
	default:
		return nil, "", jobspec.FieldErrorf(runwith.InvalidArgument, "state", "there is no state %q", f.State)
	}
	size := min(f.PageSize, maxPage)
	if size == 0 {
		size = defaultPage
	}
	found, err := s.page(ctx, store.DeliveryQuery{
		Invocation: f.Invocation, Endpoint: endpointOf(f.Endpoint), Lane: f.Endpoint, State: ledger.DeliveryState(f.State), Before: f.PageToken, Limit: size + 1,
	})
	if err != nil {
		return nil, "", err
	}
	if len(found) > size {
		found = found[:size]
		next = found[size-1].ID
	}
	page = make([]runwith.Delivery, len(found))
	for i, d := range found {
		page[i] = s.shown(d)
		page[i].Payload = nil
	}
	return page, next, nil
}

// page returns a page of deliveries. If the one at which the page before ended was removed, the error
// is INVALID_ARGUMENT: an empty page would say that there are no more.
func (s *Sender) page(ctx context.Context, q store.DeliveryQuery) ([]ledger.Delivery, error) {
	found, err := s.store.Deliveries(ctx, q)
	if err != nil || len(found) > 0 || q.Before == "" {
		return found, err
	}
	if _, err = s.store.Delivery(ctx, q.Before); runwith.CodeOf(err) == runwith.NotFound {
		err = jobspec.FieldErrorf(runwith.InvalidArgument, "pageToken", "must be one that the page before returned, and whose delivery was not removed since: begin with the first page")
	}
	return nil, err
}

// pages returns the pages of a query. If the delivery at which a page ended was removed, it begins
// with the first page again.
func (s *Sender) pages(ctx context.Context, q store.DeliveryQuery) iter.Seq2[[]ledger.Delivery, error] {
	return func(yield func([]ledger.Delivery, error) bool) {
		for {
			page, err := s.page(ctx, q)
			switch {
			case runwith.CodeOf(err) == runwith.InvalidArgument:
				q.Before = ""
				continue
			case err != nil:
				yield(nil, err)
				return
			case len(page) == 0 || !yield(page, nil):
				return
			}
			q.Before = page[len(page)-1].ID
		}
	}
}

// Delivery returns one delivery, or NOT_FOUND.
func (s *Sender) Delivery(ctx context.Context, id string) (runwith.Delivery, error) {
	d, err := s.store.Delivery(ctx, id)
	return s.shown(d), err
}

// shown returns a delivery as people see it.
func (s *Sender) shown(d ledger.Delivery) runwith.Delivery {
	address := d.URL
	if one, ok := s.Current().byName[d.Endpoint]; ok && d.URL == "" {
		address = one.URL
	}
	return runwith.Delivery{
		ID: d.ID, Invocation: d.Invocation, Job: d.Job, Endpoint: d.Lane(), URL: ShownURL(address),
		Event: runwith.EventType(d.Event), State: runwith.DeliveryState(d.State), Attempts: d.Attempts,
		Created: d.Created, NextAttempt: pendingTime(d), Ended: d.Ended,
		LastStatus: d.LastStatus, LastError: d.LastError, Payload: d.Payload,
	}
}

// pendingTime returns when a delivery is attempted next; zero unless it is pending.
func pendingTime(d ledger.Delivery) time.Time {
	if d.State != ledger.DeliveryPending {
		return time.Time{}
	}
	return d.NextAttempt
}

// Replay makes a delivery due again, as if it were new, and returns it. The event is the same
// and so is its ID. Errors: NOT_FOUND, and FAILED_PRECONDITION if there is nowhere to send it
// to or an attempt is under way.
func (s *Sender) Replay(ctx context.Context, id string) (runwith.Delivery, error) {
	d, err := s.store.Delivery(ctx, id)
	if err != nil {
		return runwith.Delivery{}, err
	}
	if _, err := s.Current().target(d); err != nil {
		return runwith.Delivery{}, runwith.Errorf(runwith.FailedPrecondition, "delivery %s: %v", id, err)
	}
	if err := s.refuseDisabled(ctx, d.Lane()); err != nil {
		return runwith.Delivery{}, err
	}
	n, err := s.store.Replay(ctx, []string{id}, ledger.Stored(s.store.Now()))
	if err != nil {
		return runwith.Delivery{}, err
	}
	if n == 0 {
		return runwith.Delivery{}, runwith.Errorf(runwith.FailedPrecondition, "delivery %s: an attempt is under way; look at its result first", id)
	}
	s.Ring()
	return s.Delivery(ctx, id)
}

// ReplayFailed makes the failed deliveries of an endpoint due again, and returns their number.
func (s *Sender) ReplayFailed(ctx context.Context, endpoint string) (int, error) {
	if err := s.refuseUnknown(ctx, endpoint); err != nil {
		return 0, err
	}
	if err := s.refuseDisabled(ctx, endpoint); err != nil {
		return 0, err
	}
	defer s.Ring()
	total, failed := 0, store.DeliveryQuery{Endpoint: endpointOf(endpoint), Lane: endpoint, State: ledger.DeliveryFailed, Limit: replayAtOnce}
	for page, err := range s.pages(ctx, failed) {
		if err != nil {
			return total, err
		}
		var ids []string
		for _, d := range page {
			ids = append(ids, d.ID)
		}
		n, err := s.store.Replay(ctx, ids, ledger.Stored(s.store.Now()))
		if total += n; err != nil {
			return total, err
		}
	}
	return total, nil
}

// Endpoints returns all endpoints with their health: those of the configuration, in its order,
// and then those that only have deliveries.
func (s *Sender) Endpoints(ctx context.Context) ([]runwith.Endpoint, error) {
	stored, err := s.store.Endpoints(ctx)
	if err != nil {
		return nil, err
	}
	health := map[string]ledger.Endpoint{}
	for _, h := range stored {
		health[h.Name] = h
	}
	now := s.Current()
	shown := make([]runwith.Endpoint, 0, len(now.rules.Endpoints))
	for _, one := range now.rules.Endpoints {
		e := shownEndpoint(health[one.Name])
		e.Name, e.URL, e.Configured = one.Name, ShownURL(one.URL), true
		for _, event := range events(one.Events) {
			e.Events = append(e.Events, runwith.EventType(event))
		}
		e.Jobs, e.Labels = one.Jobs, one.Labels
		shown = append(shown, e)
	}
	for _, h := range stored {
		if _, known := now.byName[h.Name]; !known {
			shown = append(shown, shownEndpoint(h))
		}
	}
	return shown, nil
}

// shownEndpoint returns the health of an endpoint as people see it.
func shownEndpoint(h ledger.Endpoint) runwith.Endpoint {
	e := runwith.Endpoint{Name: h.Name, State: runwith.EndpointOK, Pending: h.Pending, FailingSince: h.FailingSince, Disabled: h.DisabledAt, Reason: h.Reason}
	switch {
	case !h.DisabledAt.IsZero():
		e.State = runwith.EndpointDisabled
	case !h.FailingSince.IsZero():
		e.State = runwith.EndpointFailing
	}
	return e
}

// EnableEndpoint enables a disabled endpoint, whose deliveries continue. It does not change
// another one.
func (s *Sender) EnableEndpoint(ctx context.Context, name string) (runwith.Endpoint, error) {
	if err := s.refuseUnknown(ctx, name); err != nil {
		return runwith.Endpoint{}, err
	}
	if err := s.enable(ctx, name); err != nil {
		return runwith.Endpoint{}, err
	}
	s.Ring()
	return s.endpoint(ctx, name)
}

// enable forgets that an endpoint was disabled or has failed.
func (s *Sender) enable(ctx context.Context, name string) error {
	if err := s.store.EnableEndpoint(ctx, name); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if l, ok := s.lanes[name]; ok {
		l.health, l.until = ledger.Endpoint{Name: name}, time.Time{}
	}
	return nil
}

// endpoint returns one of the endpoints, or NOT_FOUND.
func (s *Sender) endpoint(ctx context.Context, name string) (runwith.Endpoint, error) {
	all, err := s.Endpoints(ctx)
	if err != nil {
		return runwith.Endpoint{}, err
	}
	i := slices.IndexFunc(all, func(e runwith.Endpoint) bool { return e.Name == name })
	if i < 0 {
		return runwith.Endpoint{}, runwith.Errorf(runwith.NotFound, "endpoint %q: does not exist; `runwith callbacks endpoints` lists them", name)
	}
	return all[i], nil
}

func (s *Sender) refuseUnknown(ctx context.Context, name string) error {
	if reserved(name) {
		return nil // an endpoint of requests is listed only while something is pending
	}
	_, err := s.endpoint(ctx, name)
	return err
}

func (s *Sender) refuseDisabled(ctx context.Context, name string) error {
	e, err := s.endpoint(ctx, name)
	if err == nil && e.State == runwith.EndpointDisabled {
		return runwith.Errorf(runwith.FailedPrecondition, "endpoint %q is disabled (%s): enable it first, with `runwith callbacks enable %s`", name, e.Reason, name)
	}
	if runwith.CodeOf(err) == runwith.NotFound {
		return nil
	}
	return err
}

// endpointOf returns the endpoint of a lane's name, as deliveries have it.
func endpointOf(lane string) string {
	if strings.HasPrefix(lane, ledger.RequestEndpoint+" ") {
		return ledger.RequestEndpoint
	}
	return lane
}
