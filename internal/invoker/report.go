package invoker

import (
	"context"
	"math"
	"strings"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/invoker/usage"
	"github.com/runwith/runwith/internal/jobspec"
)

// usageNote goes with every report.
const usageNote = "An estimate of the ended invocations of this server. Google bills by its own records, and by the time of use. See docs/cost.md."

// UsageQuery selects the usage of a month.
type UsageQuery struct {
	// Month is such as 2026-11; empty: the current one.
	Month string
	// By is job, caller, day or label=NAME; empty: job.
	By string
	// Visible is what the reader may see; nil is everything.
	Visible *Visibility
}

// Usage returns what the invocations of a month have used.
func (v *Invoker) Usage(ctx context.Context, q UsageQuery) (runwith.UsageReport, error) {
	month := v.now().UTC()
	if q.Month != "" {
		var err error
		if month, err = time.Parse("2006-01", q.Month); err != nil {
			return runwith.UsageReport{}, invalid("month", "must be a month such as 2026-11")
		}
	}
	if q.By == "" {
		q.By = "job"
	}
	by, label, err := groupOf(q.By)
	if err != nil {
		return runwith.UsageReport{}, err
	}
	sums, err := v.store.SumUsage(ctx, store.UsageQuery{Month: ledger.MonthOf(month), Visible: q.Visible.stored(), By: by, Label: label})
	if err != nil {
		return runwith.UsageReport{}, err
	}
	return v.reportOf(month.Format("2006-01"), q.By, sums), nil
}

// groupOf reads what usage is summed by.
func groupOf(text string) (by store.UsageBy, label string, err error) {
	switch text {
	case "job":
		return store.ByJob, "", nil
	case "caller":
		return store.ByCaller, "", nil
	case "day":
		return store.ByDay, "", nil
	}
	if label, ok := strings.CutPrefix(text, "label="); ok && ledger.LabelFits(label, "") {
		return store.ByLabel, label, nil
	}
	return 0, "", invalid("by", "must be job, caller, day, or label=NAME with the name of a label")
}

func (v *Invoker) reportOf(month, by string, sums []store.UsageSum) runwith.UsageReport {
	prices := v.config.Prices
	r := runwith.UsageReport{Month: month, By: by, Groups: []runwith.UsageGroup{}, Prices: prices.Date, Note: usageNote}
	total := store.UsageSum{}
	for _, sum := range sums {
		if by == "day" {
			sum.Name = sum.Name[:4] + "-" + sum.Name[4:6] + "-" + sum.Name[6:]
		}
		r.Groups = append(r.Groups, group(sum))
		total.Invocations += sum.Invocations
		total.Tasks += sum.Tasks
		total.Cost = total.Cost.Plus(sum.Cost)
	}
	r.Total = group(total)
	left := prices.LeftOf(total.Cost)
	r.Free = runwith.FreeTier{VCPUSeconds: float64(prices.Free.VCPUSeconds), GiBSeconds: float64(prices.Free.GiBSeconds)}
	r.Left = runwith.FreeTier{VCPUSeconds: left.Usage().VCPUSeconds, GiBSeconds: left.Usage().GiBSeconds}
	r.USDAfterFree = prices.AfterFree(total.Cost).Usage().USD
	return r
}

func group(s store.UsageSum) runwith.UsageGroup {
	return runwith.UsageGroup{Name: s.Name, Invocations: s.Invocations, Tasks: s.Tasks, Usage: s.Cost.Usage()}
}

// EstimateQuery asks what an execution of a job can cost.
type EstimateQuery struct {
	// Job is the caller's name for it.
	Job string
	// Asked are the overrides of the request, of which TaskCount and Timeout count.
	Asked runwith.Overrides
	// Terms are what policy made of them. Only they have an effect.
	Terms Terms
	// Visible is what the reader may see of past invocations; nil is everything.
	Visible *Visibility
}

// Estimate returns what an execution of a job can cost. Its errors are those of
// [Invoker.Invoke]. If Cloud Run cannot be asked, it fails.
func (v *Invoker) Estimate(ctx context.Context, q EstimateQuery) (runwith.JobEstimate, error) {
	r, err := v.accepting.newRecord(ctx, Request{Job: q.Job, Asked: runwith.Request{Overrides: q.Asked}, Terms: q.Terms})
	if err != nil {
		return runwith.JobEstimate{}, err
	}
	overrides, err := overridesOf(q.Terms.Overrides)
	if err != nil {
		return runwith.JobEstimate{}, err
	}
	job, err := v.accepting.jobs.job(ctx, r.Target)
	if err != nil {
		return runwith.JobEstimate{}, err
	}
	if r, err = v.fitTo(job, r, overrides); err != nil {
		return runwith.JobEstimate{}, err
	}
	applied, err := jobspec.ApplyOverrides(job.GetTemplate(), overrides)
	if err != nil {
		return runwith.JobEstimate{}, spelled(overrides, err)
	}
	tasks, attempts, seconds := jobspec.Bounds(applied.GetTaskCount(), applied.GetTemplate())
	e := runwith.JobEstimate{
		Job: q.Job, Tasks: int(tasks), Attempts: int(attempts), Timeout: (time.Duration(seconds) * time.Second).String(),
		Worst: v.config.Prices.WorstUsage(applied, usage.RegionOf(job.GetName())),
	}
	if e.Budgets, err = v.budgetsFor(ctx, r); err != nil {
		return runwith.JobEstimate{}, err
	}
	return e, v.addAverage(ctx, &e, q.Visible)
}

// addAverage adds what an invocation of the job has used on average this month.
func (v *Invoker) addAverage(ctx context.Context, e *runwith.JobEstimate, visible *Visibility) error {
	now := v.now().UTC()
	e.Month = now.Format("2006-01")
	sums, err := v.store.SumUsage(ctx, store.UsageQuery{Month: ledger.MonthOf(now), Job: e.Job, Visible: visible.stored()})
	if err != nil || len(sums) == 0 {
		return err
	}
	n := float64(sums[0].Invocations)
	total := sums[0].Cost.Usage()
	rounded := func(sum, unit float64) float64 { return math.Round(sum/n*unit) / unit }
	e.Invocations = sums[0].Invocations
	e.Average = &runwith.Usage{
		VCPUSeconds: rounded(total.VCPUSeconds, 1e3), GiBSeconds: rounded(total.GiBSeconds, 1e3), GPUSeconds: rounded(total.GPUSeconds, 1e3), USD: rounded(total.USD, 1e9),
	}
	return nil
}
