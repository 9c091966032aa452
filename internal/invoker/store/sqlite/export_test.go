package sqlite

import (
	"context"
	"fmt"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/sqlite"
)

// CheckReservations adds up each sum of reservations that the store knows, and returns an error if one
// is wrong.
func (s *Store) CheckReservations(ctx context.Context) error {
	return s.db.Write(ctx, func(tx *sqlite.Tx) error {
		for key, known := range s.sums {
			sum, err := reservedOf(tx, ledger.Share{Budget: ledger.Budget{Scope: key.Scope}, Month: key.month})
			if err != nil {
				return err
			}
			if sum != known {
				return fmt.Errorf("reservations of %+v = %+v, want %+v", key, known, sum)
			}
		}
		return nil
	})
}
