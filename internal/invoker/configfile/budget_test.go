package configfile_test

import (
	"strings"
	"testing"

	"github.com/runwith/runwith/internal/invoker/configfile"
)

// The file of TestBudgetFaults has one budget in its third line.
const budgetHead = `callers: {docs: {apiKeys: [{id: a, sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08}]}}
jobs: {a: {}}
`

func TestBudgetFaults(t *testing.T) {
	for name, test := range map[string]struct{ budget, want string }{
		"no amounts":        {"{job: a}", "budgets[0]: monthly is required"},
		"empty amounts":     {"{job: a, monthly: {}}", "f:3:29: budgets[0].monthly: needs vcpuSeconds, gibSeconds or usd"},
		"nothing":           {"{monthly: {usd: 0}}", "f:3:27: budgets[0].monthly.usd: must be above 0"},
		"less than nothing": {"{monthly: {usd: -1}}", "budgets[0].monthly.usd: must be above 0"},
		"too small":         {"{monthly: {vcpuSeconds: 0.0001}}", "budgets[0].monthly.vcpuSeconds: must be above 0"},
		"too much":          {"{monthly: {gibSeconds: 1e10}}", "budgets[0].monthly.gibSeconds: must be above 0 and at most"},
		"text":              {"{monthly: {usd: '5'}}", "budgets[0].monthly.usd: must be a number"},
		"unknown amount":    {"{monthly: {eur: 5}}", "budgets[0].monthly.eur: is not a field"},
		"unknown job":       {"{job: b, monthly: {usd: 1}}", "f:3:17: budgets[0].job: is not one of the jobs"},
		"unknown caller":    {"{caller: doc, monthly: {usd: 1}}", "budgets[0].caller: is not one of the callers; did you mean docs?"},
		"bad label":         {"{label: Tenant, monthly: {usd: 1}}", "budgets[0].label: must be the name of a label, or NAME=VALUE"},
		"replace":           {"{monthly: {usd: 1}, overflow: replace}", "budgets[0].overflow: must be one of reject, queue"},
		"same name":         {"{name: server, monthly: {usd: 1}}, {monthly: {vcpuSeconds: 1}}", `budgets[1]: is a second budget with the name "server"; the first is budgets[0]`},
	} {
		_, err := configfile.Read("f", budgetHead+"budgets: ["+test.budget+"]", resolve)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %q", name, err, test.want)
		}
	}
}

func TestBudgetNames(t *testing.T) {
	f, err := configfile.Read("f", budgetHead+`budgets:
- {monthly: {usd: 1}}
- {job: a, monthly: {usd: 1.5, vcpuSeconds: 0.001}}
- {caller: anonymous, label: tenant, monthly: {gibSeconds: 1000000000}}
- {label: tenant=a b, monthly: {usd: 1}, overflow: queue}
- {name: all, monthly: {usd: 1}}
`, resolve)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, b := range f.Budgets {
		names = append(names, b.Title())
	}
	if got, want := strings.Join(names, " "), "server job=a caller=anonymous,label=tenant label=tenant=a b all"; got != want {
		t.Errorf("names = %s, want %s", got, want)
	}
	if got := configfile.Amount(f.Budgets[1].Monthly.USD, 1e9); got != 1_500_000_000 {
		t.Errorf("1.5 US dollars = %d billionths", got)
	}
}
