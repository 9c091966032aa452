package console

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
)

// group is some states under one name, as the list's filter has them.
type group struct {
	Name, Text string
	states     []runwith.State
}

// groups are those that the filter offers.
var groups = []group{ //nolint:gochecknoglobals // never written
	{"unfinished", "Unfinished", []runwith.State{runwith.StateAccepted, runwith.StateQueued, runwith.StateStarting, runwith.StateRunning}},
	{"waiting", "Waiting", []runwith.State{runwith.StateAccepted, runwith.StateQueued}},
	{"unsuccessful", "Not successful", []runwith.State{runwith.StateFailed, runwith.StateRefused, runwith.StateUnresolved}},
	{"ended", "Ended", []runwith.State{runwith.StateSucceeded, runwith.StateFailed, runwith.StateCancelled, runwith.StateRefused}},
}

// states are all states, in their usual order.
var states = []runwith.State{ //nolint:gochecknoglobals // never written
	runwith.StateAccepted, runwith.StateQueued, runwith.StateStarting, runwith.StateRunning, runwith.StateSucceeded,
	runwith.StateFailed, runwith.StateCancelled, runwith.StateRefused, runwith.StateUnresolved,
}

// filter is what the visitor filters the list by, as the URL has it.
type filter struct {
	Job, State, Source, Caller string
	// After and Before bound the time of acceptance: a date, which is its beginning in UTC, or a
	// time (RFC 3339).
	After, Before string
	Labels        []string // each is name=value
	Page          string   // token of a page that is not the first; empty: the first
	Faults        []fault
}

// fault is a mistake in a filter.
type fault struct{ Field, Text string }

// filterNames are the names of the filters in a URL, and what else a URL of the list may have.
var filterNames = []string{"job", "state", "caller", "source", "label", "after", "before", "page", "done"} //nolint:gochecknoglobals // never written

// maxLabels is how many labels a list can be filtered by, as in the API.
const maxLabels = 16

// filterOf reads the filter of a URL. A filter that it does not know is a fault: without it, the
// list would show more than the visitor asked for.
func filterOf(u *url.URL) filter {
	query, err := url.ParseQuery(u.RawQuery)
	f := filter{Page: query.Get("page"), Labels: slices.DeleteFunc(query["label"], func(l string) bool { return strings.TrimSpace(l) == "" })}
	if err != nil {
		f.fault("", "The filter in the address is damaged, so a part of it is missing.")
	}
	if len(f.Labels) > maxLabels {
		f.fault("label", "The list can be filtered by %d labels, not %d.", maxLabels, len(f.Labels))
		f.Labels = f.Labels[:maxLabels]
	}
	for name, field := range f.fields() {
		*field = strings.TrimSpace(query.Get(name))
	}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		switch {
		case !slices.Contains(filterNames, name):
			f.fault(name, "There is no filter %s. The list can be filtered by %s.", name, strings.Join(filterNames[:len(filterNames)-2], ", "))
		case len(query[name]) > 1 && name != "label":
			f.fault(name, "The filter %s takes one value, not %d.", name, len(query[name]))
		}
	}
	return f
}

// fields returns the filters that take one text, by name.
func (f *filter) fields() map[string]*string {
	return map[string]*string{
		"job": &f.Job, "state": &f.State, "source": &f.Source, "caller": &f.Caller, "after": &f.After, "before": &f.Before,
	}
}

func (f *filter) fault(field, format string, args ...any) {
	f.Faults = append(f.Faults, fault{field, fmt.Sprintf(format, args...)})
}

// Filtered reports whether anything is filtered.
func (f filter) Filtered() bool {
	for _, field := range f.fields() {
		if *field != "" {
			return true
		}
	}
	return len(f.Labels) > 0 || len(f.Faults) > 0
}

// Fault returns the mistake in a field; empty: none.
func (f filter) Fault(field string) string {
	for _, one := range f.Faults {
		if one.Field == field {
			return one.Text
		}
	}
	return ""
}

// Path returns the URL of the page of the list that begins after a token; an empty one is the
// first page.
func (f filter) Path(page string) string {
	query := url.Values{}
	for name, field := range f.fields() {
		if *field != "" {
			query.Set(name, *field)
		}
	}
	if page != "" {
		query.Set("page", page)
	}
	if len(f.Labels) > 0 {
		query["label"] = f.Labels
	}
	if len(query) == 0 {
		return "/invocations"
	}
	return "/invocations?" + query.Encode()
}

// only returns the filter as the invoker takes it.
func (f *filter) only() invoker.Filter {
	q := invoker.Filter{
		Job: f.Job, States: f.chosen(), Source: f.Source, Caller: f.Caller, After: f.time("after", f.After), Before: f.time("before", f.Before),
		PageToken: f.Page, Labels: map[string]string{},
	}
	for _, pair := range f.Labels {
		name, value, ok := strings.Cut(pair, "=")
		if before, twice := q.Labels[name]; !ok || name == "" || twice && before != value {
			f.fault("label", "%q is no label: write name=value, with one value for each name.", pair)
		}
		q.Labels[name] = value
	}
	return q
}

// time returns the time that a bound means; zero: none.
func (f *filter) time(field, text string) time.Time {
	if text == "" {
		return time.Time{}
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t
		}
	}
	f.fault(field, "%q is no time: write a date such as 2026-11-28, or a time such as 2026-11-28T12:00:00Z.", text)
	return time.Time{}
}

// chosen returns the states of the filter; none: all.
func (f *filter) chosen() []runwith.State {
	if f.State == "" {
		return nil
	}
	for _, g := range groups {
		if g.Name == f.State {
			return g.states
		}
	}
	if !slices.Contains(states, runwith.State(f.State)) {
		f.fault("state", "There is no state %s.", f.State)
	}
	return []runwith.State{runwith.State(f.State)}
}

// status returns the HTTP status of a page with the filter.
func (f filter) status() int {
	if len(f.Faults) > 0 {
		return http.StatusBadRequest
	}
	return http.StatusOK
}
