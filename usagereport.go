package runwith

import (
	"context"
	"encoding/csv"
	"io"
	"net/url"
	"strconv"
	"strings"
)

// UsageReport is an estimate of what invocations have used in a month. An invocation counts in
// the month (UTC) in which it was accepted or, if it had to wait, given a part of its budget.
type UsageReport struct {
	Month string `json:"month" doc:"The month (UTC), such as 2026-11."`
	By    string `json:"by" doc:"What each group has in common: job, caller, day, or label=NAME."`
	// Groups are in the order of their names.
	Groups []UsageGroup `json:"groups" nullable:"false" doc:"The sums, by name."`
	Total  UsageGroup   `json:"total" doc:"The sum of all groups. Its name is empty."`
	// Free is what a billing account has for free in a month, and Left what the total leaves of
	// it. Other services of the account use it too.
	Free FreeTier `json:"free" doc:"What a billing account has for free in a month."`
	Left FreeTier `json:"freeLeft" doc:"What the total leaves of that. Other Cloud Run services of the account use it too."`
	// USDAfterFree is the price of the total less the whole free tier.
	USDAfterFree float64 `json:"usdAfterFree" doc:"Price of the total in US dollars after the free tier, if nothing else uses that."`
	Prices       string  `json:"prices" doc:"Date of the price table."`
	Note         string  `json:"note" doc:"What to keep in mind."`
}

// UsageGroup is what some invocations have used.
type UsageGroup struct {
	// Name is the job, the caller, the day (2026-11-28) or the value of the label. It is empty
	// for the anonymous caller, and for invocations without the label.
	Name        string `json:"name" doc:"Job, caller, day, or value of the label; empty for the anonymous caller, and without the label."`
	Invocations int64  `json:"invocations" doc:"Ended invocations whose usage is known."`
	Tasks       int64  `json:"tasks" doc:"Tasks that have run."`
	Usage       Usage  `json:"usage"`
}

// FreeTier is an amount of usage that costs nothing.
type FreeTier struct {
	VCPUSeconds float64 `json:"vcpuSeconds"`
	GiBSeconds  float64 `json:"gibSeconds"`
}

// JobEstimate is what one execution of a job can cost.
type JobEstimate struct {
	Job      string `json:"job"`
	Tasks    int    `json:"tasks" doc:"Tasks of an execution."`
	Attempts int    `json:"attempts" doc:"Most attempts of a task."`
	Timeout  string `json:"timeout" doc:"Longest time of one attempt, such as 10m0s."`
	// Worst is what the execution costs if every attempt takes until its timeout.
	Worst Usage `json:"worst" doc:"The worst case: every task is attempted as often as it may be, and each attempt takes until its timeout."`
	// Invocations is how many of the month have ended, and Average what one of them has used,
	// nil if there are none.
	Month       string `json:"month" doc:"The current month (UTC)."`
	Invocations int64  `json:"invocations" doc:"Ended invocations of the job in this month whose usage is known and which you may see."`
	Average     *Usage `json:"average,omitempty" doc:"What one of them has used on average; absent if there are none."`
	// Budgets are those that would count the request, without those of labels: they depend on
	// the request.
	Budgets []Budget `json:"budgets,omitempty" nullable:"false" doc:"The budgets that would count the request, and whether each has room for its worst case now (fits). Those of labels are left out, because they depend on the request."`
}

// Usage returns what the invocations of a month have used that the caller may see. month is
// such as 2026-11; empty is the current one. by is job, caller, day or label=NAME; empty is job.
func (c *Client) Usage(ctx context.Context, month, by string) (*UsageReport, error) {
	query := url.Values{}
	for name, value := range map[string]string{"month": month, "by": by} {
		if value != "" {
			query.Set(name, value)
		}
	}
	return decode[UsageReport](c.send(ctx, request{path: "usage", query: query}))
}

// Estimate returns what an execution of a job can cost with these overrides, of which TaskCount
// and Timeout count. o may be nil. Overrides that a start would refuse are refused.
func (c *Client) Estimate(ctx context.Context, job string, o *Overrides) (*JobEstimate, error) {
	path, err := escape("jobs", "job", job)
	if err != nil {
		return nil, err
	}
	query := url.Values{}
	if o != nil && o.TaskCount != 0 {
		query.Set("taskCount", strconv.Itoa(o.TaskCount))
	}
	if o != nil && o.Timeout != 0 {
		query.Set("timeout", o.Timeout.String())
	}
	return decode[JobEstimate](c.send(ctx, request{path: path + ":estimate", query: query}))
}

// WriteCSV writes the groups as CSV with a head. A name that a spreadsheet would take for a
// formula has a ' in front.
func (r *UsageReport) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	kind, _, _ := strings.Cut(r.By, "=")
	rows := [][]string{{"month", kind, "invocations", "tasks", "vcpu_seconds", "gib_seconds", "gpu_seconds", "usd"}}
	for _, g := range r.Groups {
		rows = append(rows, []string{r.Month, inert(g.Name), strconv.FormatInt(g.Invocations, 10), strconv.FormatInt(g.Tasks, 10),
			decimal(g.Usage.VCPUSeconds), decimal(g.Usage.GiBSeconds), decimal(g.Usage.GPUSeconds), decimal(g.Usage.USD)})
	}
	return out.WriteAll(rows)
}

// inert returns a text that no spreadsheet takes for a formula.
// See https://owasp.org/www-community/attacks/CSV_Injection.
func inert(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", []rune(text)[0]) {
		return "'" + text
	}
	return text
}

func decimal(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
