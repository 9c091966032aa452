package console

import (
	"cmp"
	"net/url"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
)

// usageData is the page of what invocations have used in a month.
type usageData struct {
	runwith.UsageReport

	Label   string // name of the label by which it is summed; empty: none
	Before  string // address of the month before
	After   string // address of the month after; empty for the current one
	Days    []dayBar
	Budgets []runwith.Budget
}

// dayBar is the bar of one day in the chart.
type dayBar struct {
	runwith.UsageGroup

	X, Y, Height int
}

// usage shows what invocations have used, beside the free tier.
func (s *server) usage(c *call) (page, error) {
	query := c.URL.Query()
	by, label := cmp.Or(query.Get("by"), "job"), query.Get("label")
	if by == "label" {
		by = "label=" + label
	}
	report, err := s.Invoker.Usage(c.Context(), invoker.UsageQuery{Month: query.Get("month"), By: by})
	if err != nil {
		return page{}, err
	}
	d := usageData{UsageReport: report, Label: label}
	days, err := s.Invoker.Usage(c.Context(), invoker.UsageQuery{Month: report.Month, By: "day"})
	if err != nil {
		return page{}, err
	}
	d.Days = barsOf(days)
	if d.Budgets, err = s.Invoker.Budgets(c.Context(), ""); err != nil {
		return page{}, err
	}
	d.Before, d.After = neighbours(c.URL, report.Month, s.Now())
	return page{Template: "usage", Title: "Usage", Nav: "/usage", Data: d}, nil
}

// barsOf returns a bar for each day of a month, as high as its money.
func barsOf(days runwith.UsageReport) (bars []dayBar) {
	var most float64
	for _, g := range days.Groups {
		most = max(most, g.Usage.USD)
	}
	for _, g := range days.Groups {
		day, err := time.Parse(time.DateOnly, g.Name)
		if err != nil || most == 0 {
			continue
		}
		height := max(1, int(g.Usage.USD/most*chartHeight))
		bars = append(bars, dayBar{g, (day.Day() - 1) * dayStep, chartHeight - height, height})
	}
	return bars
}

// dayStep is the distance of the bars of days.
const dayStep = 12

// neighbours returns the addresses of the months around one. There is none after the current.
func neighbours(u *url.URL, month string, now time.Time) (before, after string) {
	first, err := time.Parse("2006-01", month)
	if err != nil {
		return "", ""
	}
	to := func(months int) string {
		query := u.Query()
		query.Set("month", first.AddDate(0, months, 0).Format("2006-01"))
		return u.Path + "?" + query.Encode()
	}
	if first.AddDate(0, 1, 0).After(now) {
		return to(-1), ""
	}
	return to(-1), to(1)
}
