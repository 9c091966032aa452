package sqlite

import (
	"errors"
	"strings"
	"testing"

	"github.com/runwith/runwith"
)

// The message about a damaged file has nothing in it that a terminal obeys.
func TestDamageIsLegible(t *testing.T) {
	t.Parallel()
	err := damagedFile(runwith.DataLoss, "invoker.db", errors.New("table j\x1b[31m\xba of"))
	if want := "invoker.db is damaged or not a database (table j?[31m? of): "; !strings.HasPrefix(err.Error(), want) {
		t.Errorf("message = %q, want it to begin with %q", err, want)
	}
}
