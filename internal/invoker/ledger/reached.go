package ledger

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/runwith/runwith"
)

// EventBudget is the event of a budget of which a part is used. It belongs to no invocation.
const EventBudget Event = "budget.reached"

// BudgetDeliveryKept is how long a delivery of [EventBudget] is kept at least, so that the same
// event is not made twice in a month.
const BudgetDeliveryKept = 62 * 24 * time.Hour

// Percents returns the parts of a budget that have an event.
func Percents() []int { return []int{50, 80, 100} }

// Hearer is an endpoint that hears of budgets.
type Hearer struct {
	Endpoint string
	Jobs     []string          // only budgets of these jobs; empty: all
	Labels   map[string]string // only budgets of these label values
}

// hears reports whether the endpoint hears of a share.
func (h Hearer) hears(s Share) bool {
	if len(h.Jobs) > 0 && !slices.Contains(h.Jobs, s.Job) {
		return false
	}
	for name, value := range h.Labels {
		if s.Label != name || s.Value != value {
			return false
		}
	}
	return true
}

// Ratio returns which part of the limit an amount is, in the dimension in which it is most.
func (b Budget) Ratio(c Cost) (most float64) {
	for _, d := range b.dimensions() {
		most = max(most, float64(d.of(c))/float64(d.limit))
	}
	return most
}

// percent is [Budget.Ratio] in percent.
func (b Budget) percent(c Cost) float64 { return 100 * b.Ratio(c) }

// Reached returns the deliveries for the parts of a share that are used, one for each hearer.
// They have the same IDs each time, so a store that has one ignores it. full means that the
// share has no room for a request, which counts as 100 percent.
func (b Budgets) Reached(s Share, spent Spent, full bool, now time.Time) (made []Delivery) {
	used := s.percent(spent.Used)
	for _, p := range Percents() {
		if used < float64(p) && !(full && p == 100) {
			continue
		}
		for _, h := range b.Hearers {
			if h.hears(s) {
				made = append(made, Delivery{
					ID:    "evt_" + digest(18, "budget", s.Name, s.Scope.String(), fmt.Sprint(s.Month), fmt.Sprint(p), h.Endpoint),
					Owner: s.Owner(), Job: s.Job, Endpoint: h.Endpoint, Event: EventBudget, Payload: s.payload(spent, p, now),
					State: DeliveryPending, Created: Stored(now),
				})
			}
		}
	}
	return made
}

// budgetPayload is the body of the callback for a budget.
type budgetPayload struct {
	Type      Event      `json:"type"`
	Timestamp time.Time  `json:"timestamp"`
	Data      budgetData `json:"data"`
}

type budgetData struct {
	Percent int            `json:"percent"`
	Budget  runwith.Budget `json:"budget"`
}

// payload returns the JSON of the event that a part of a share is used.
func (s Share) payload(spent Spent, percent int, now time.Time) []byte {
	return bytes.TrimSpace(encodeJSON(budgetPayload{EventBudget, Stored(now), budgetData{percent, s.State(spent)}}))
}

// State returns a share as callers see it.
func (s Share) State(spent Spent) runwith.Budget {
	return runwith.Budget{
		Name: s.Name, Job: s.Job, Caller: s.Caller, Label: s.labelText(), Overflow: string(s.Overflow),
		Month: fmt.Sprintf("%04d-%02d", s.Month/100, s.Month%100), Resets: MonthEnds(s.Month),
		Limit: s.amounts(s.Limit), Used: s.amounts(spent.Used), Reserved: s.amounts(spent.Reserved), Left: s.amounts(s.left(spent)),
		Percent: math.Round(10*s.percent(spent.Used)) / 10,
	}
}

// labelText returns the label that the share counts: NAME=VALUE, or empty.
func (s Share) labelText() string {
	if s.Label == "" {
		return ""
	}
	return s.Label + "=" + s.Value
}

// left returns what is neither used nor reserved. It is zero where the limit was lowered below
// that.
func (s Share) left(spent Spent) Cost {
	t := spent.Total()
	return Cost{VCPU: max(0, s.Limit.VCPU-t.VCPU), Memory: max(0, s.Limit.Memory-t.Memory), Money: max(0, s.Limit.Money-t.Money)}
}

// amounts returns the amounts of a cost that the budget limits.
func (b Budget) amounts(c Cost) (a runwith.BudgetAmounts) {
	u := c.Usage()
	if b.Limit.VCPU > 0 {
		a.VCPUSeconds = &u.VCPUSeconds
	}
	if b.Limit.Memory > 0 {
		a.GiBSeconds = &u.GiBSeconds
	}
	if b.Limit.Money > 0 {
		a.USD = &u.USD
	}
	return a
}
