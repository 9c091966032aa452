package console

import (
	"slices"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
)

// recent sums up the latest invocations of a job.
type recent struct {
	Rows []runwith.Invocation // newest first
	// Ends are those of them that have ended after a start, oldest first.
	Ends []end
	// Succeeded counts the ends, and Rate is their share in percent.
	Succeeded, Rate int
	// Median and Longest are times from start to end.
	Median, Longest time.Duration
}

// end is how one invocation has ended, and its bar in the chart.
type end struct {
	runwith.Invocation

	Took time.Duration
	// X and Y are the corner of the bar, and Height is its height, in units of the chart.
	X, Y, Height int
}

// chartHeight is the height of the chart, and barStep the distance of its bars.
const chartHeight, barStep = 48, 8

// recentOf reads the latest invocations of a job.
func (s *server) recentOf(c *call, job string, size int) (recent, error) {
	rows, _, err := s.Invoker.Invocations(c.Context(), invoker.Filter{Job: job, PageSize: size})
	if err != nil {
		return recent{}, err
	}
	r := recent{Rows: rows}
	for _, i := range slices.Backward(rows) {
		if i.State.Terminal() && !i.Started.IsZero() && !i.Finished.IsZero() {
			r.Ends = append(r.Ends, end{Invocation: i, Took: max(0, i.Finished.Sub(i.Started))})
		}
	}
	r.sumUp()
	return r, nil
}

// sumUp derives everything from the ends.
func (r *recent) sumUp() {
	if len(r.Ends) == 0 {
		return
	}
	var times []time.Duration
	for _, e := range r.Ends {
		times = append(times, e.Took)
		if e.State == runwith.StateSucceeded {
			r.Succeeded++
		}
	}
	slices.Sort(times)
	r.Median, r.Longest = times[len(times)/2], times[len(times)-1]
	r.Rate = 100 * r.Succeeded / len(r.Ends)
	for i := range r.Ends {
		r.Ends[i].place(i, r.Longest)
	}
}

// place gives an end its bar. The longest time has the highest one.
func (e *end) place(index int, longest time.Duration) {
	e.X, e.Height = index*barStep, chartHeight
	if longest > 0 {
		e.Height = max(2, int(int64(chartHeight)*int64(e.Took)/int64(longest)))
	}
	e.Y = chartHeight - e.Height
}

// Width is the width of the chart.
func (r recent) Width() int { return max(1, len(r.Ends)) * barStep }
