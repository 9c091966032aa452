package configfile

import (
	"encoding/json"
	"math"
	"strings"

	"github.com/runwith/runwith/internal/jobspec"
)

// Budget limits what invocations use in a month: those that have all that it names.
type Budget struct {
	Name   string `yaml:"name" rule:"endpoint" doc:"The budget's name in answers and callbacks. By default what it counts, such as job=reindex or label=tenant; server if it counts all."`
	Job    string `yaml:"job" rule:"job" doc:"Only invocations of this job count."`
	Caller string `yaml:"caller" rule:"caller" doc:"Only invocations of this caller count; anonymous means requests without a credential."`
	// Label is NAME or NAME=VALUE.
	Label    string  `yaml:"label" rule:"oneLabel" doc:"Only invocations with this label count: NAME gives each value its own budget, NAME=VALUE counts one value."`
	Monthly  Monthly `yaml:"monthly" required:"true" doc:"The most that may be used in a month. At least one amount."`
	Overflow string  `yaml:"overflow" rule:"full" doc:"What becomes of a request for which there is no room: reject (429, the default), or queue until there is."`
}

// Monthly are the amounts of a [Budget]. Empty is unlimited.
type Monthly struct {
	VCPUSeconds json.Number `yaml:"vcpuSeconds" doc:"vCPU-seconds."`
	GiBSeconds  json.Number `yaml:"gibSeconds" doc:"GiB-seconds of memory."`
	USD         json.Number `yaml:"usd" doc:"US dollars by the price table, before any free tier."`
}

// Title returns the name of the budget.
func (b Budget) Title() string {
	if b.Name != "" {
		return b.Name
	}
	var counts []string
	for _, part := range [][2]string{{"job", b.Job}, {"caller", b.Caller}, {"label", b.Label}} {
		if part[1] != "" {
			counts = append(counts, part[0]+"="+part[1])
		}
	}
	if len(counts) == 0 {
		return "server"
	}
	return strings.Join(counts, ",")
}

// Amount returns a number in units of 1/scale; 0 if there is none.
func Amount(n json.Number, scale float64) int64 {
	amount, _ := n.Float64() // the reader has checked it
	return int64(math.Round(amount * scale))
}

// maxAmount is the largest amount of a budget.
const maxAmount = 1e9

// checkBudgets finds the mistakes in budgets.
func (f *File) checkBudgets(c *Checker) {
	named := map[string]int{}
	for i, b := range f.Budgets {
		at := Path("budgets").Index(i)
		if first, taken := named[b.Title()]; taken {
			c.Addf(at, "is a second budget with the name %s; the first is budgets[%d]: put the amounts into one, or give them other names", jobspec.Quote(b.Title()), first)
		} else {
			named[b.Title()] = i
		}
		if _, known := f.Jobs[b.Job]; b.Job != "" && !known {
			c.Addf(at.Field("job"), "is not one of the jobs%s", didYouMean(b.Job, f.Jobs))
		}
		if _, known := f.Callers[b.Caller]; b.Caller != "" && b.Caller != Anonymous && !known {
			c.Addf(at.Field("caller"), "is not one of the callers%s", didYouMean(b.Caller, f.Callers))
		}
		b.Monthly.check(c, at.Field("monthly"))
	}
}

func (m Monthly) check(c *Checker, at Path) {
	some := false
	for _, one := range []struct {
		name   string
		amount json.Number
		scale  float64
	}{{"vcpuSeconds", m.VCPUSeconds, 1e3}, {"gibSeconds", m.GiBSeconds, 1e3}, {"usd", m.USD, 1e9}} {
		if one.amount == "" {
			continue
		}
		some = true
		if n, err := one.amount.Float64(); err == nil && (n <= 0 || n > maxAmount || Amount(one.amount, one.scale) < 1) {
			c.Addf(at.Field(one.name), "must be above 0 and at most 1000000000")
		}
	}
	if _, written := c.file.places.at[at]; !some && written {
		c.Addf(at, "needs vcpuSeconds, gibSeconds or usd")
	}
}
