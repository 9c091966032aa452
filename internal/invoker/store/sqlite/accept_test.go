package sqlite

import (
	"fmt"
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

// BenchmarkAccept measures one acceptance after another, with a new key each and without one.
func BenchmarkAccept(b *testing.B) {
	for name, key := range map[string]string{"without a key": "", "with a key": "key-%d"} {
		b.Run(name, func(b *testing.B) {
			s, err := Open(b.Context(), b.TempDir()+"/invoker.db")
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
			n := 0
			for b.Loop() {
				n++
				r := ledger.Record{Invocation: runwith.Invocation{ID: fmt.Sprintf("id-%09d", n), Job: "report", State: runwith.StateAccepted, Created: now},
					Version: 1, Asked: []byte("{}"), Checked: true, NotBefore: now}
				if key != "" {
					r.Key = fmt.Sprintf(key, n)
				}
				if _, err := s.Accept(b.Context(), r, ledger.Admission{Now: now}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
