package policy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/policy"
)

const labelled = `
jobs:
  report:
    parameters:
      tenant: {type: string}
      part: {type: integer, optional: true}
    labels: {tenant: "{tenant}", part: "part-{part}", kind: report}
budgets:
- {label: tenant, monthly: {vcpuSeconds: 2.5, usd: 3}}
- {name: one, job: report, caller: anonymous, label: tenant=, monthly: {gibSeconds: 4}, overflow: queue}
`

func TestLabelsOfJobs(t *testing.T) {
	t.Parallel()
	p := compile(t, labelled)
	for name, test := range map[string]struct {
		asked runwith.Request
		want  map[string]string
		err   string
	}{
		"from parameters": {parameters("tenant", "acme"), map[string]string{"tenant": "acme", "kind": "report"}, ""},
		"beside the request's": {runwith.Request{Parameters: map[string]any{"tenant": "acme", "part": 7.0}, Labels: map[string]string{"run": "1"}},
			map[string]string{"tenant": "acme", "kind": "report", "part": "part-7", "run": "1"}, ""},
		"the same": {runwith.Request{Parameters: map[string]any{"tenant": "acme"}, Labels: map[string]string{"tenant": "acme"}}, nil,
			"labels.tenant: is set by the configuration of job report"},
		"optional": {runwith.Request{Parameters: map[string]any{"tenant": "acme"}, Labels: map[string]string{"part": "1"}}, nil, "labels.part: is set by"},
		"too long": {parameters("tenant", strings.Repeat("a", 129)), nil, "labels.tenant: the value must have at most 128 characters"},
	} {
		terms, err := p.Terms(docs(), "report", test.asked)
		if test.err != "" {
			if runwith.CodeOf(err) != runwith.InvalidArgument || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%s: error = %v, want INVALID_ARGUMENT: %s", name, err, test.err)
			}
			continue
		}
		if diff := cmp.Diff(test.want, terms.Labels); diff != "" || err != nil {
			t.Errorf("%s: %v, labels (-want +got):\n%s", name, err, diff)
		}
	}
}

func TestBudgets(t *testing.T) {
	t.Parallel()
	want := ledger.Budgets{List: []ledger.Budget{
		{Name: "label=tenant", Scope: ledger.Scope{Label: "tenant"}, Each: true, Limit: ledger.Cost{VCPU: 2500, Money: 3e9}, Overflow: ledger.Rejecting},
		{Name: "one", Scope: ledger.Scope{Job: "report", Caller: "anonymous", Label: "tenant"}, Limit: ledger.Cost{Memory: 4000}, Overflow: ledger.Queueing},
	}}
	if diff := cmp.Diff(want, compile(t, labelled).Budgets()); diff != "" {
		t.Errorf("budgets (-want +got):\n%s", diff)
	}
	if got := (*policy.Policy)(nil).Budgets(); len(got.List) > 0 {
		t.Errorf("budgets without a configuration = %v", got)
	}
}
