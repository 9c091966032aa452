//nolint:revive,unused // every line of this file goes away
package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/metrics"
)

var errTodo = errors.New("not written yet")

// pgrest
func explainDeliveries(tx, ledger.Record) error { return errTodo }
func voidLeases(tx) error                       { return errTodo }
func (s *Store) Ready(context.Context) error                                { return nil }
func (s *Store) Metrics() []metrics.Metric                                  { return nil }
func (s *Store) List(context.Context, store.Query) ([]ledger.Record, error) { return nil, errTodo }
func (s *Store) Outstanding(context.Context) (store.Outstanding, error)     { return nil, errTodo }
func (s *Store) OldestWaiting(context.Context) (t time.Time, err error)     { return t, errTodo }
func (s *Store) WatchedJobs(context.Context) ([]string, error)              { return nil, errTodo }
func (s *Store) Watched(context.Context, string) ([]ledger.Record, error)   { return nil, errTodo }
func (s *Store) Cancels(context.Context, time.Time, int) (_ []ledger.Record, next time.Time, err error) {
	return nil, next, errTodo
}
func (s *Store) AddTwin(context.Context, store.Twin) (bool, error) { return false, errTodo }
func (s *Store) TwinsDue(context.Context, time.Time, int) (_ []store.Twin, next time.Time, err error) {
	return nil, next, errTodo
}
func (s *Store) PostponeTwin(context.Context, string, time.Time) error { return errTodo }
func (s *Store) Import(context.Context, []ledger.Record) ([]ledger.Record, error) {
	return nil, errTodo
}
func (s *Store) Tidy(context.Context, time.Time, time.Duration, int) (int, error) { return 0, errTodo }
func (s *Store) DueDeliveries(context.Context, time.Time, time.Duration, int, int) (_ []ledger.Delivery, next time.Time, err error) {
	return nil, next, errTodo
}
func (s *Store) SettleDeliveries(context.Context, []ledger.Delivery) error { return errTodo }
func (s *Store) Deliveries(context.Context, store.DeliveryQuery) ([]ledger.Delivery, error) {
	return nil, errTodo
}
func (s *Store) Delivery(context.Context, string) (d ledger.Delivery, err error) { return d, errTodo }
func (s *Store) Replay(context.Context, []string, time.Time) (int, error)        { return 0, errTodo }
func (s *Store) Endpoints(context.Context) ([]ledger.Endpoint, error)            { return nil, errTodo }
func (s *Store) SaveEndpoint(context.Context, ledger.Endpoint) error             { return errTodo }
func (s *Store) AddEvent(context.Context, ledger.RefusedEvent) (e ledger.RefusedEvent, dropped int, err error) {
	return e, 0, errTodo
}
func (s *Store) Events(context.Context, store.EventQuery) ([]ledger.RefusedEvent, error) {
	return nil, errTodo
}
func (s *Store) Triggered(context.Context, store.EventQuery) ([]ledger.Record, error) {
	return nil, errTodo
}
func (s *Store) Event(context.Context, string) (e ledger.RefusedEvent, err error) { return e, errTodo }
func (s *Store) RefuseEvent(context.Context, string, string, string) error        { return errTodo }
func (s *Store) SettleEvent(context.Context, string, string, time.Time) error     { return errTodo }
func (s *Store) WaitingEvents(context.Context) (map[string]int, error)            { return nil, errTodo }
func (s *Store) TidyEvents(context.Context, time.Time, int) (int, error)          { return 0, errTodo }
func (s *Store) Schedules(context.Context) ([]ledger.Schedule, error)             { return nil, errTodo }
func (s *Store) Schedule(context.Context, string) (x ledger.Schedule, err error)  { return x, errTodo }
func (s *Store) SaveSchedules(context.Context, []ledger.Schedule) ([]ledger.Schedule, error) {
	return nil, errTodo
}
func (s *Store) RemoveSchedule(context.Context, string, int64) (bool, error) { return false, errTodo }
