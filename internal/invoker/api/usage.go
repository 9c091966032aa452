package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/invoker"
)

type usageInput struct {
	Month  string `query:"month" pattern:"^[0-9]{4}-(0[1-9]|1[0-2])$" patternDescription:"a month such as 2026-11" doc:"The month (UTC); by default the current one." example:"2026-11"`
	By     string `query:"by" maxLength:"100" doc:"What is summed: job (the default), caller, day, or label=NAME." example:"label=tenant"`
	Format string `query:"format" enum:"json,csv" doc:"json (the default) or csv."`
}

type estimateInput struct {
	JobPath
	TaskCount int    `query:"taskCount" minimum:"0" doc:"Number of tasks, instead of the job's."`
	Timeout   string `query:"timeout" doc:"Longest time of one attempt, such as 10m, instead of the job's." example:"10m"`
}

type estimateOutput struct {
	Body runwith.JobEstimate
}

func (s *server) routeUsage(d huma.API) {
	report := d.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[runwith.UsageReport](), true, "")
	register(s, d, huma.Operation{
		OperationID: "getUsage",
		Method:      http.MethodGet,
		Path:        prefix + "/usage",
		Summary:     "What the invocations of a month have used, by estimate",
		Description: description(`Sums over the ended invocations that you may see, beside the monthly free tier. The sums
			are kept for 13 months after the current one, also if their invocations are removed. They are an estimate: Cloud
			Run's bill counts.`),
		Responses: map[string]*huma.Response{"200": {
			Description: "The sums.",
			Content: map[string]*huma.MediaType{
				"application/json": {Schema: report},
				"text/csv":         {Schema: &huma.Schema{Type: huma.TypeString, Description: "A line for each sum, with a head."}},
			},
		}},
	}, s.usage)
	register(s, d, huma.Operation{
		OperationID: "estimateJob",
		Method:      http.MethodGet,
		Path:        prefix + "/jobs/{job}:estimate",
		Summary:     "What an execution of a job can cost",
		Description: description(`The worst case of a start with these overrides, and what ended invocations of this month
			have used on average. It starts nothing. What a start would refuse is refused here too, except for parameters.`),
	}, s.estimate)
}

func (s *server) usage(ctx context.Context, in *usageInput) (*huma.StreamResponse, error) {
	report, err := s.invoker.Usage(ctx, invoker.UsageQuery{Month: in.Month, By: in.By})
	if err != nil {
		return nil, faulty("query", err)
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		_, w := humago.Unwrap(c)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if in.Format == "csv" {
			w.Header().Set("Content-Type", "text/csv; charset=utf-8")
			w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", "usage-"+report.Month+".csv"))
			_ = report.WriteCSV(w) // the caller may have left
			return
		}
		w.Header().Set("Content-Type", "application/json")
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		_ = e.Encode(report)
	}}, nil
}

func (s *server) estimate(ctx context.Context, in *estimateInput) (*estimateOutput, error) {
	o := runwith.Overrides{TaskCount: in.TaskCount}
	if in.Timeout != "" {
		var err error
		if o.Timeout, err = time.ParseDuration(in.Timeout); err != nil {
			return nil, apierror.Invalid(apierror.Fault{Location: "query.timeout", Message: "must be a duration such as 90s or 10m"})
		}
	}
	estimate, err := s.invoker.Estimate(ctx, invoker.EstimateQuery{Job: in.Job, Asked: o, Terms: invoker.Terms{Overrides: o}})
	if err != nil {
		return nil, faulty("query", err)
	}
	return &estimateOutput{Body: estimate}, nil
}
