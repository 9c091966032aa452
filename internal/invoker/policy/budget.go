package policy

import (
	"strings"

	"github.com/runwith/runwith/internal/invoker/configfile"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

// Budgets returns the configured budgets, and the endpoints that hear of them.
func (p *Policy) Budgets() ledger.Budgets {
	if p == nil {
		return ledger.Budgets{}
	}
	return p.budgets
}

// budgetsOf translates the budgets of a file.
func budgetsOf(file *configfile.File) (b ledger.Budgets) {
	for _, one := range file.Budgets {
		name, value, single := strings.Cut(one.Label, "=")
		b.List = append(b.List, ledger.Budget{
			Name:  one.Title(),
			Scope: ledger.Scope{Job: one.Job, Caller: one.Caller, Label: name, Value: value},
			Each:  name != "" && !single,
			Limit: ledger.Cost{
				VCPU:   configfile.Amount(one.Monthly.VCPUSeconds, 1e3),
				Memory: configfile.Amount(one.Monthly.GiBSeconds, 1e3),
				Money:  configfile.Amount(one.Monthly.USD, 1e9),
			},
			Overflow: overflowOf(one.Overflow),
		})
	}
	return b
}

func overflowOf(text string) ledger.Overflow {
	if text == "" {
		return ledger.Rejecting
	}
	return ledger.Overflow(text)
}
