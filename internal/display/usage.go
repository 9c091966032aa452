package display

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/terminal"
)

// UsageReport shows what the invocations of a month have used.
func UsageReport(s *terminal.Screen, r *runwith.UsageReport) error {
	kind, label, _ := strings.Cut(r.By, "=")
	if label != "" {
		kind = label
	}
	t := &terminal.Table{Head: []string{strings.ToUpper(kind), "INVOCATIONS", "TASKS", "VCPU-SECONDS", "GIB-SECONDS", "GPU-SECONDS", "USD"}}
	for _, g := range r.Groups {
		t.Add(terminal.Cells(nameOr(g.Name, "(none)"), strconv.FormatInt(g.Invocations, 10), strconv.FormatInt(g.Tasks, 10),
			seconds(g.Usage.VCPUSeconds), seconds(g.Usage.GiBSeconds), seconds(g.Usage.GPUSeconds), dollars(g.Usage.USD))...)
	}
	total := r.Total
	t.Add(terminal.Cells("total", strconv.FormatInt(total.Invocations, 10), strconv.FormatInt(total.Tasks, 10),
		seconds(total.Usage.VCPUSeconds), seconds(total.Usage.GiBSeconds), seconds(total.Usage.GPUSeconds), dollars(total.Usage.USD))...)
	t.Add(terminal.Cells("free in a month", "", "", seconds(r.Free.VCPUSeconds), seconds(r.Free.GiBSeconds))...)
	t.Add(terminal.Cells("free and left", "", "", seconds(r.Left.VCPUSeconds), seconds(r.Left.GiBSeconds), "", dollars(r.USDAfterFree)+" to pay")...)
	if err := t.Write(s); err != nil {
		return err
	}
	_, err := fmt.Fprintf(s, "\n%s\n", terminal.OneLine(fmt.Sprintf("%s by the prices of %s. %s", r.Month, r.Prices, r.Note)))
	return err
}

// JobEstimate shows what an execution of a job can cost.
func JobEstimate(s *terminal.Screen, e *runwith.JobEstimate) error {
	t := &terminal.Table{Head: []string{strings.ToUpper(e.Job), "VCPU-SECONDS", "GIB-SECONDS", "GPU-SECONDS", "USD"}}
	t.Add(usageRow("at most", e.Worst)...)
	if e.Average != nil {
		t.Add(usageRow(fmt.Sprintf("average of %d in %s", e.Invocations, e.Month), *e.Average)...)
	}
	if err := t.Write(s); err != nil {
		return err
	}
	if len(e.Budgets) > 0 {
		fmt.Fprintln(s)
		if err := roomsOf(s, e.Budgets); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(s, "\n%s\n", terminal.OneLine(fmt.Sprintf(
		"At most: %d x %d attempts x %s, before any free tier. %s.", e.Tasks, e.Attempts, e.Timeout, priced(e.Worst))))
	return err
}

func usageRow(name string, u runwith.Usage) []terminal.Cell {
	return terminal.Cells(name, seconds(u.VCPUSeconds), seconds(u.GiBSeconds), seconds(u.GPUSeconds), dollars(u.USD))
}

// usageOf returns an estimate as one line.
func usageOf(u *runwith.Usage) string {
	line := fmt.Sprintf("%s vCPU-s, %s GiB-s", seconds(u.VCPUSeconds), seconds(u.GiBSeconds))
	if u.GPUSeconds > 0 {
		line += fmt.Sprintf(", %s GPU-s", seconds(u.GPUSeconds))
	}
	return fmt.Sprintf("%s, USD %s, estimated from %s; %s", line, dollars(u.USD), basis(u.Basis), strings.ToLower(priced(*u)[:1])+priced(*u)[1:])
}

func basis(b runwith.UsageBasis) string {
	switch b {
	case runwith.UsageFromTasks:
		return "its tasks"
	case runwith.UsageFromExecution:
		return "the times of the execution"
	}
	return "nothing, because its execution is gone"
}

// priced returns where the price comes from.
func priced(u runwith.Usage) string {
	text := "Prices of " + u.Prices
	if u.PricedAs != "" {
		text += ", of " + u.PricedAs
	}
	if u.Unpriced != "" {
		text += ", without " + u.Unpriced
	}
	return text
}

func nameOr(name, other string) string {
	if name == "" {
		return other
	}
	return name
}

// seconds returns a number of seconds with three digits at most.
func seconds(n float64) string {
	return strconv.FormatFloat(math.Round(n*1e3)/1e3, 'f', -1, 64)
}

// dollars returns a price with as many digits as a cheap job needs.
func dollars(usd float64) string {
	if usd >= 1 || usd == 0 {
		return strconv.FormatFloat(usd, 'f', 2, 64)
	}
	return strconv.FormatFloat(usd, 'f', 6, 64)
}
