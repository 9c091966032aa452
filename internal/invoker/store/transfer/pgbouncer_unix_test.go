//go:build unix

package transfer_test

import (
	"testing"

	"github.com/runwith/runwith/internal/invoker/store/transfer"
	"github.com/runwith/runwith/internal/postgrestest"
)

func TestMoveThroughPgBouncer(t *testing.T) {
	t.Parallel()
	url := postgrestest.PgBouncer(t, postgrestest.Database(t))
	if _, err := transfer.Move(t.Context(), transfer.Options{From: newInstallation(t), To: url}); err != nil {
		t.Errorf("Move = %v", err)
	}
}
