//go:build unix

package postgres

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

// march is when the tests of budgets begin.
func march() time.Time { return time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC) }

// ended returns a record of a tenant that has succeeded, and reserves until it is settled.
func ended(n int, tenant string, worst int64) ledger.Record {
	r := ledger.Record{
		Invocation: runwith.Invocation{
			ID: fmt.Sprintf("id-%06d", n), Job: "report", State: runwith.StateSucceeded, Execution: fmt.Sprint("execution ", n),
			Created: march(), Started: march(), Finished: march(), Labels: map[string]string{"tenant": tenant},
		},
		Version: 1, Owner: "me", Target: "report", Checked: true, Month: 202603,
	}
	r.Worst = ledger.Cost{VCPU: worst, Memory: worst, GPU: worst, Money: worst}
	return r
}

// used returns a settlement with the same number for each unit.
func used(r ledger.Record, n int64) ledger.Settlement {
	return ledger.Settlement{Record: r, Tasks: 1, Cost: ledger.Cost{VCPU: n, Memory: n, GPU: n, Money: n}}
}

// TestSharesOfValues checks the order of a label's values, which is not that of a language.
func TestSharesOfValues(t *testing.T) {
	t.Parallel()
	s := openEmpty(t)
	for n, tenant := range []string{"b", "a", "B", "ä", "a b", "used", ""} {
		r := ended(n, tenant, 1)
		add(t, s, r)
		if tenant == "used" {
			if _, err := s.Settle(t.Context(), []ledger.Settlement{used(r, 1), used(r, 2)}, ledger.Budgets{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	states, err := s.Shares(t.Context(), []ledger.Budget{{Name: "tenants", Scope: ledger.Scope{Label: "tenant"}, Each: true}}, 202603, 6)
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	for _, state := range states {
		values = append(values, state.Value)
	}
	if diff := cmp.Diff([]string{"", "B", "a", "a b", "b", "used"}, values); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
}
