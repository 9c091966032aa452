package runwith

import (
	"context"
	"time"
)

// Budget is the limit of what invocations may use in a month, and how much they have used. If
// each value of a label has its own limit, there is a Budget for each value.
type Budget struct {
	Name string `json:"name" doc:"Name of the budget."`
	// Job, Caller and Label are what it counts; empty fields count all. Label is NAME=VALUE.
	Job    string `json:"job,omitempty" doc:"Only invocations of this job count; absent: all."`
	Caller string `json:"caller,omitempty" doc:"Only invocations of this caller count; absent: all."`
	Label  string `json:"label,omitempty" doc:"Only invocations with this label count (NAME=VALUE); absent: all."`
	// Month is the month, such as 2026-11, and Resets its end. Months are in UTC.
	Month  string    `json:"month" doc:"The month in UTC, such as 2026-11."`
	Resets time.Time `json:"resets" doc:"When the next month begins."`
	// Overflow is "reject" or "queue".
	Overflow string `json:"overflow" enum:"reject,queue" doc:"What becomes of requests for which there is no room."`

	Limit BudgetAmounts `json:"limit" doc:"The most that may be used in the month."`
	// Used is the estimate for invocations that have ended. Reserved is the worst case of the
	// others. Left is Limit without both.
	Used     BudgetAmounts `json:"used" doc:"Estimate of what invocations that have ended have used."`
	Reserved BudgetAmounts `json:"reserved" doc:"Worst case of invocations that have not ended."`
	Left     BudgetAmounts `json:"left" doc:"What is neither used nor reserved."`
	// Percent is Used in percent of Limit. If the budget limits several amounts, the largest
	// percentage counts.
	Percent float64 `json:"percent" doc:"What is used, in percent of the limit. If the budget limits several amounts, the largest percentage counts."`
	// Waiting is the number of invocations that wait for the budget.
	Waiting int `json:"waiting,omitempty" doc:"Number of invocations that wait for this budget."`
	// Fits is only in answers about a request: whether the request has room. It is nil
	// elsewhere.
	Fits *bool `json:"fits,omitempty" doc:"Whether there is room for the request; only in estimates."`
}

// BudgetAmounts are the amounts that a budget limits. The others are nil.
type BudgetAmounts struct {
	VCPUSeconds *float64 `json:"vcpuSeconds,omitempty" doc:"vCPU-seconds; absent if the budget does not limit them."`
	GiBSeconds  *float64 `json:"gibSeconds,omitempty" doc:"GiB-seconds; absent if the budget does not limit them."`
	USD         *float64 `json:"usd,omitempty" doc:"US dollars, before any free tier; absent if the budget does not limit them."`
}

// Budgets returns the budgets that the caller may see, as they are in this month.
func (c *Client) Budgets(ctx context.Context) ([]*Budget, error) {
	type list struct {
		Budgets []*Budget `json:"budgets"`
	}
	l, err := decode[list](c.send(ctx, request{path: "budgets"}))
	if err != nil {
		return nil, err
	}
	return l.Budgets, nil
}
