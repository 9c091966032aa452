//go:build unix

package postgres

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
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

// TestSumsSaturate checks that a sum which is too large is the largest number.
func TestSumsSaturate(t *testing.T) {
	t.Parallel()
	s := openEmpty(t)
	first, second := ended(1, "acme", math.MaxInt64), ended(2, "acme", math.MaxInt64)
	add(t, s, first, second)
	budgets := []ledger.Budget{{Name: "all"}, {Name: "tenants", Scope: ledger.Scope{Label: "tenant"}, Each: true}}
	full := ledger.Cost{VCPU: math.MaxInt64, Memory: math.MaxInt64, Money: math.MaxInt64} // budgets limit no GPU
	for _, step := range []struct {
		name   string
		settle []ledger.Settlement
		want   ledger.Spent
	}{
		{"both reserve", nil, ledger.Spent{Reserved: full}},
		{"one is settled", []ledger.Settlement{used(first, math.MaxInt64-1)}, ledger.Spent{Reserved: full, Used: ledger.Cost{VCPU: math.MaxInt64 - 1, Memory: math.MaxInt64 - 1, Money: math.MaxInt64 - 1}}},
		{"both are settled", []ledger.Settlement{used(second, math.MaxInt64-1)}, ledger.Spent{Used: full}},
	} {
		if _, err := s.Settle(t.Context(), step.settle, ledger.Budgets{List: budgets}); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		states, err := s.Shares(t.Context(), budgets, 202603, 9)
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		for _, state := range states {
			if diff := cmp.Diff(step.want, state.Spent); diff != "" {
				t.Errorf("%s: budget %s (-want +got):\n%s", step.name, state.Title(), diff)
			}
		}
	}
	sums, err := s.SumUsage(t.Context(), store.UsageQuery{Month: 202603, By: store.ByLabel, Label: "tenant"})
	if err != nil {
		t.Fatal(err)
	}
	full.GPU = math.MaxInt64
	if diff := cmp.Diff([]store.UsageSum{{Name: "acme", Invocations: 2, Tasks: 2, Cost: full}}, sums); diff != "" {
		t.Errorf("SumUsage (-want +got):\n%s", diff)
	}
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
