package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store/column"
)

// Withdraw implements [store.Store].
func (s *Store) Withdraw(ctx context.Context, id string) (withdrawn bool, err error) {
	const withdrawable = selectRecord + ` WHERE id = $1 AND search_from = 'epoch' AND execution IS NULL AND ` + isWaiting
	_, err = s.write(ctx, "withdraw invocation", func(t tx) ([]ledger.Record, error) {
		withdrawn = false
		r, err := scan(t.row(withdrawable, id))
		if err == nil {
			err = t.lockKeys([]string{r.Slot})
		}
		if err == nil {
			err = lockToFree(t)
		}
		if err == nil {
			r, err = scan(t.row(withdrawable+` FOR UPDATE`, id))
		}
		if errors.Is(err, pgx.ErrNoRows) {
			return nil, nil
		}
		if err == nil {
			var b batch
			b.remove([]string{r.ID})
			b.unpark(r.Slot)
			b.unsettleEventOf(r)
			removed(&b, r)
			err = b.run(t)
		}
		withdrawn = err == nil
		return nil, err
	})
	return withdrawn, err
}

// Explain implements [store.Store].
func (s *Store) Explain(ctx context.Context, id string, f runwith.Failure) error {
	_, err := s.write(ctx, "explain a failure", func(t tx) ([]ledger.Record, error) {
		n, err := t.exec(`UPDATE invocations SET error_code = $1, error_message = $2, error_detail = $3, version = version + 1
			WHERE id = $4 AND state = 'failed'`, f.Code, f.Message, column.EncodeFailure(f), id)
		if err != nil || n == 0 {
			return nil, err
		}
		r, err := scan(t.row(selectRecord+` WHERE id = $1`, id))
		if err == nil && len(r.Subscribers) > 0 {
			err = explainDeliveries(t, r)
		}
		return []ledger.Record{r}, err
	})
	return err
}
