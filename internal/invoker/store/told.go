package store

import (
	"errors"

	"github.com/runwith/runwith/internal/invoker/ledger"
)

// ToldError refuses a newcomer, and has the events of budgets that a store keeps although the newcomer
// is refused. It does not leave the store.
type ToldError struct {
	Refusal error
	Events  []ledger.Delivery
}

func (e *ToldError) Error() string { return e.Refusal.Error() }

// Unwrap returns the refusal.
func (e *ToldError) Unwrap() error { return e.Refusal }

// WithoutEvents returns the events of a refusal, and the refusal without them.
func WithoutEvents(err error) ([]ledger.Delivery, error) {
	if e, ok := errors.AsType[*ToldError](err); ok {
		return e.Events, e.Refusal
	}
	return nil, err
}
