package postgres

import (
	"context"
	"strconv"

	"github.com/runwith/runwith/internal/invoker/store"
)

// identify learns which database cluster this is. A user that may not ask learns nothing.
func (s *Store) identify(ctx context.Context) error {
	var id int64
	err := s.pool.QueryRow(ctx, `SELECT system_identifier FROM pg_control_system()`).Scan(&id)
	if code(err) == insufficientRight {
		return nil
	}
	s.system = strconv.FormatInt(id, 10)
	return shown(err)
}

// Origin implements [store.Store]. The store is a copy if the cluster is not the one in which it
// was made: its tables were moved there by pg_dump and pg_restore, for example.
func (s *Store) Origin(ctx context.Context) (o store.Origin, err error) {
	err = s.read(ctx, "read where the store comes from", func(t tx) error {
		var (
			system  string
			rebuilt bool
		)
		if err := t.row(`SELECT system, rebuilt FROM installation UNION ALL SELECT '', false WHERE NOT EXISTS (SELECT 1 FROM installation)`).Scan(&system, &rebuilt); err != nil {
			return err
		}
		o = store.Origin{Empty: !rebuilt, Restored: rebuilt && system != "" && s.system != "" && system != s.system}
		return nil
	})
	return o, err
}

// Rebuilt implements [store.Store].
func (s *Store) Rebuilt(ctx context.Context) error {
	_, err := s.pool.Exec(ctx, `INSERT INTO installation (system, rebuilt) VALUES ($1, true)
		ON CONFLICT (one) DO UPDATE SET system = excluded.system, rebuilt = true`, s.system)
	return s.failed("record that the store was rebuilt", err)
}
