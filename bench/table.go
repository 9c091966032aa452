package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// unit is the unit of a figure, and decides whether more or less is better.
type unit string

const (
	seconds   unit = "s"     // less is better
	perSecond unit = "1/s"   // more is better
	bytesHeld unit = "bytes" // less is better
	number    unit = "count" // less is better
)

// stat summarizes samples. P95 bounds 95 of 100 of them: times from above, rates from
// below.
type stat struct {
	Median float64 `json:"median"`
	P95    float64 `json:"p95"`
}

func summarize(u unit, samples []float64) stat {
	sorted := slices.Sorted(slices.Values(samples))
	if u == perSecond {
		slices.Reverse(sorted)
	}
	return stat{Median: rank(sorted, 0.50), P95: rank(sorted, 0.95)}
}

// rank returns the smallest sample that is not below the given share of all.
func rank(sorted []float64, share float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	return sorted[max(0, int(math.Ceil(share*float64(len(sorted))))-1)]
}

// row is a figure with its floor and target.
type row struct {
	Name     string  `json:"name"`
	What     string  `json:"what"`
	Unit     unit    `json:"unit"`
	Measured stat    `json:"measured"`
	Floor    *floors `json:"floor,omitempty"`
	Target   *target `json:"target,omitempty"`
}

// floors is the floor of a row. Ratio is the quotient of the medians; 1 is equal, more is worse.
type floors struct {
	What string `json:"what"`
	stat
	Ratio float64 `json:"ratio"`
}

// target is the limit of a row: Ratio times its floor, or Limit in the row's unit. The other
// one is 0.
type target struct {
	Ratio float64 `json:"ratio,omitzero"`
	Limit float64 `json:"limit,omitzero"`
	Met   bool    `json:"met"`
}

func newRow(what string, u unit, samples []float64) row {
	return row{What: what, Unit: u, Measured: summarize(u, samples)}
}

// beside adds the floor.
func (r row) beside(what string, samples []float64) row {
	s := summarize(r.Unit, samples)
	ratio := r.Measured.Median / s.Median
	if r.Unit == perSecond {
		ratio = 1 / ratio
	}
	r.Floor = &floors{What: what, stat: s, Ratio: ratio}
	return r
}

// times adds a target as a multiple of the floor, which the row must have.
func (r row) times(ratio float64) row {
	r.Target = &target{Ratio: ratio, Met: r.Floor.Ratio <= ratio}
	return r
}

// within adds a target in the unit of the row: the most, or the least of a rate.
func (r row) within(limit float64) row {
	met := r.Measured.Median <= limit
	if r.Unit == perSecond {
		met = r.Measured.Median >= limit
	}
	r.Target = &target{Limit: limit, Met: met}
	return r
}

// report is the result of a run.
type report struct {
	Machine machine `json:"machine"`
	Rows    []row   `json:"rows"`
}

func (r *report) writeJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

func (r *report) writeTable(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s\n\n", r.Machine)
	fmt.Fprintln(table, "row\twhat\tmedian\tp95\tfloor\tp95\tratio\ttarget\tthe floor is")
	for _, r := range r.Rows {
		fmt.Fprintln(table, strings.TrimRight(strings.Join(r.cells(), "\t"), "\t"))
	}
	return table.Flush()
}

func (r row) cells() []string {
	cells := []string{r.Name, r.What, r.Unit.format(r.Measured.Median), r.Unit.format(r.Measured.P95), "", "", "", "", ""}
	if f := r.Floor; f != nil {
		cells[4], cells[5], cells[8] = r.Unit.format(f.Median), r.Unit.format(f.P95), f.What
		cells[6] = fmt.Sprintf("%.1fx", f.Ratio)
		if f.Ratio < 1 {
			cells[6] = fmt.Sprintf("%.2fx", f.Ratio)
		}
	}
	if t := r.Target; t != nil {
		cells[7] = t.format(r.Unit)
	}
	return cells
}

func (t *target) format(u unit) string {
	text := fmt.Sprintf("%.2gx", t.Ratio)
	if t.Limit != 0 {
		text = u.format(t.Limit)
	}
	if t.Met {
		return text + ", met"
	}
	return text + ", missed"
}

// format formats a figure with its unit, in about three digits.
func (u unit) format(v float64) string {
	switch {
	case math.IsNaN(v):
		return "-"
	case u == perSecond:
		return fmt.Sprintf("%.0f/s", v)
	case u == number:
		return fmt.Sprintf("%.0f", v)
	case u == bytesHeld:
		return fmt.Sprintf("%.1f MiB", v/(1<<20))
	}
	d := time.Duration(v * float64(time.Second))
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", d.Microseconds())
	case d < 100*time.Millisecond:
		return fmt.Sprintf("%.2f ms", v*1e3)
	}
	return fmt.Sprintf("%.0f ms", v*1e3)
}
