package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/runwith/runwith"
)

type budgetsOutput struct {
	Body budgetList
}

type budgetList struct {
	Budgets []runwith.Budget `json:"budgets" nullable:"false" doc:"The budgets in the order of the configuration. Of a budget with an amount for each value of a label, one for each value that was used in the month, at most 1000."`
}

func (s *server) routeBudgets(d huma.API) {
	register(s, d, huma.Operation{
		OperationID: "listBudgets", Method: http.MethodGet, Path: prefix + "/budgets",
		Summary: "Budgets of this month, and how much of them is used and reserved",
		Description: description(`Callers with the verb operate on every job see all budgets. Others see those that name them as the
			caller.`),
	}, s.budgets)
}

func (s *server) budgets(ctx context.Context, _ *struct{}) (*budgetsOutput, error) {
	all, err := s.invoker.Budgets(ctx, "")
	if all == nil {
		all = []runwith.Budget{} // [], not null
	}
	return &budgetsOutput{Body: budgetList{all}}, err
}
