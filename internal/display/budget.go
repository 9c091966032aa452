package display

import (
	"math"
	"strconv"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/terminal"
)

// Budgets shows budgets as a table, with a row for each amount that a budget limits.
func Budgets(s *terminal.Screen, budgets []*runwith.Budget) error {
	t := &terminal.Table{Head: []string{"BUDGET", "COUNTS", "LIMIT", "USED", "RESERVED", "LEFT", "USED %", "WAITING", "OVERFLOW"}}
	for _, b := range budgets {
		for _, a := range amountsOf(b) {
			row := terminal.Cells(b.Name, counts(b), number(a.limit)+" "+a.unit, number(a.used), number(a.reserved), number(a.left),
				strconv.FormatFloat(100*a.used/a.limit, 'f', 1, 64), strconv.Itoa(b.Waiting), b.Overflow)
			switch {
			case a.used >= a.limit:
				row[6].Style = terminal.Red
			case a.used >= 0.8*a.limit:
				row[6].Style = terminal.Yellow
			}
			t.Add(row...)
		}
	}
	return t.Write(s)
}

// roomsOf shows whether budgets have room for a request.
func roomsOf(s *terminal.Screen, budgets []runwith.Budget) error {
	t := &terminal.Table{Head: []string{"BUDGET", "COUNTS", "LIMIT", "LEFT", "ROOM"}}
	for _, b := range budgets {
		for _, a := range amountsOf(&b) {
			row := terminal.Cells(b.Name, counts(&b), number(a.limit)+" "+a.unit, number(a.left), "yes")
			if b.Fits == nil || !*b.Fits {
				row[4] = terminal.Cells("no, " + b.Overflow)[0]
				row[4].Style = terminal.Red
			}
			t.Add(row...)
		}
	}
	return t.Write(s)
}

// amount is one amount of a budget.
type amount struct {
	unit                        string
	limit, used, reserved, left float64
}

// amountsOf returns the amounts that a budget limits.
func amountsOf(b *runwith.Budget) (all []amount) {
	for _, one := range []struct {
		unit string
		of   func(runwith.BudgetAmounts) *float64
	}{
		{"vCPU-s", func(a runwith.BudgetAmounts) *float64 { return a.VCPUSeconds }},
		{"GiB-s", func(a runwith.BudgetAmounts) *float64 { return a.GiBSeconds }},
		{"USD", func(a runwith.BudgetAmounts) *float64 { return a.USD }},
	} {
		if limit := one.of(b.Limit); limit != nil {
			all = append(all, amount{one.unit, *limit, value(one.of(b.Used)), value(one.of(b.Reserved)), value(one.of(b.Left))})
		}
	}
	return all
}

func value(n *float64) float64 {
	if n == nil {
		return 0
	}
	return *n
}

// number returns a number with four decimals at most.
func number(n float64) string { return strconv.FormatFloat(math.Round(n*1e4)/1e4, 'f', -1, 64) }

// counts returns what a budget counts.
func counts(b *runwith.Budget) string {
	text := ""
	for _, part := range []struct{ name, value string }{{"job ", b.Job}, {"caller ", b.Caller}, {"", b.Label}} {
		if part.value == "" {
			continue
		}
		if text != "" {
			text += ", "
		}
		text += part.name + part.value
	}
	if text == "" {
		return "all"
	}
	return text
}
