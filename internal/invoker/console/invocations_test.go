package console_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/jobspec"
)

// number returns the n-th of some invocations. Later ones have higher IDs.
func number(n int, state runwith.State) runwith.Invocation {
	return runwith.Invocation{
		ID: fmt.Sprintf("inv-%05d", n), Job: "reindex", State: state, Request: &runwith.Request{},
		Created: time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Second),
	}
}

// history returns n invocations, newest first. Every tenth failed, and the others succeeded.
func history(n int) (all []runwith.Invocation) {
	for ; n > 0; n-- {
		state := runwith.StateSucceeded
		if n%10 == 0 {
			state = runwith.StateFailed
		}
		all = append(all, number(n, state))
	}
	return all
}

// rowsOf returns the IDs of the rows of a page.
func (a answer) rowsOf() (ids []string) {
	for _, part := range strings.Split(a.body, `<tr id="row-`)[1:] {
		id, _, _ := strings.Cut(part, `"`)
		ids = append(ids, id)
	}
	return ids
}

// link returns the address of the link with a text.
func (a answer) link(t *testing.T, text string) string {
	t.Helper()
	before, _, found := strings.Cut(a.body, ">"+text+"</a>")
	if !found {
		t.Fatalf("page has no link %q:\n%s", text, a.main())
	}
	_, href, _ := strings.Cut(before[strings.LastIndex(before, "<a "):], `href="`)
	href, _, _ = strings.Cut(href, `"`)
	return strings.ReplaceAll(href, "&amp;", "&")
}

func TestListPagesThroughHistory(t *testing.T) {
	t.Parallel()
	s := open(t, &fake{all: history(10_000)}, "")
	first := s.get(t, "/invocations").is(t, http.StatusOK).has(t, "inv-10000", "inv-09951", "Older").lacks(t, `"row-inv-09950"`, "Newest")
	second := s.get(t, first.link(t, "Older")).has(t, "inv-09950", "inv-09901", "Newest", "Older").lacks(t, `"row-inv-09951"`)
	if got := second.link(t, "Newest"); got != "/invocations" {
		t.Errorf("newest is at %q, want /invocations", got)
	}
	s.get(t, "/invocations?page=inv-00051").has(t, "inv-00001", "Newest").lacks(t, ">Older<")
	s.get(t, "/invocations?page=inv-00001").has(t, "There are no older ones")
}

// Pages of a group of states have each invocation once, in order.
func TestListPagesThroughGroups(t *testing.T) {
	t.Parallel()
	all := history(1_000)
	for n := range all {
		if n%7 == 0 {
			all[n].State = runwith.StateRefused
		}
	}
	s := open(t, &fake{all: all}, "")
	var got, want []string
	for path := "/invocations?state=unsuccessful"; path != ""; {
		page := s.get(t, path)
		got, path = append(got, page.rowsOf()...), ""
		if strings.Contains(page.body, ">Older</a>") {
			path = page.link(t, "Older")
		}
	}
	for _, i := range all {
		if i.State != runwith.StateSucceeded {
			want = append(want, i.ID)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows of all pages (-want +got):\n%s", diff)
	}
}

func TestListKeepsFiltersInItsLinks(t *testing.T) {
	t.Parallel()
	f := &fake{all: history(200)}
	s := open(t, f, "")
	page := s.get(t, "/invocations?after=2026-11-28&before=2026-11-29T12:00:00Z&caller=docs&job=reindex&label=tenant%3Dacme&label=env%3Dprod&source=schedule%2Fnightly&state=succeeded").is(t, http.StatusOK).
		has(t, `name="job" value="reindex"`, `<option selected>succeeded`, `name="source" value="schedule/nightly"`, `value="tenant=acme"`, `value="env=prod"`)
	want := "/invocations?after=2026-11-28&before=2026-11-29T12%3A00%3A00Z&caller=docs&job=reindex&label=tenant%3Dacme&label=env%3Dprod&page=inv-00145&source=schedule%2Fnightly&state=succeeded"
	if got := page.link(t, "Older"); got != want {
		t.Errorf("older ones are at\n%s, want\n%s", got, want)
	}
	asked := f.filters[len(f.filters)-1]
	if diff := cmp.Diff(invoker.Filter{
		Job: "reindex", States: []runwith.State{"succeeded"}, Source: "schedule/nightly", Labels: map[string]string{"tenant": "acme", "env": "prod"}, PageSize: 50,
		Caller: "docs", After: time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC), Before: time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC),
	}, asked, cmp.FilterPath(func(p cmp.Path) bool { return p.String() == "Visible" }, cmp.Ignore())); diff != "" {
		t.Errorf("asked for (-want +got):\n%s", diff)
	}
}

// A link with a filter that the list does not have shows no rows, so that nobody takes them for
// the wanted ones.
func TestListNamesWrongFilters(t *testing.T) {
	t.Parallel()
	s := open(t, &fake{all: history(3), invocations: func(f invoker.Filter) ([]runwith.Invocation, string, error) {
		if f.PageToken == "x" {
			return nil, "", jobspec.FieldErrorf(runwith.InvalidArgument, "pageToken", "must be one that the page before returned")
		}
		return history(3), "", nil
	}}, "")
	for query, want := range map[string]string{
		"owner=me":                          "There is no filter owner. The list can be filtered by job, state, ",
		"state=done":                        "There is no state done.",
		"state=failed&state=running":        "The filter state takes one value, not 2.",
		"label=tenant":                      "&#34;tenant&#34; is no label: write name=value",
		"label=a%3D1&label=a%3D2":           "&#34;a=2&#34; is no label: write name=value, with one value for each name.",
		"after=yesterday":                   "&#34;yesterday&#34; is no time: write a date such as 2026-11-28",
		strings.Repeat("label=a&", 17):      "The list can be filtered by 16 labels, not 17.",
		"page=x":                            "There is no such page.",
		"state=%3Cscript%3Ealert%281%29%3C": "There is no state &lt;script&gt;alert(1)&lt;.",
	} {
		page := s.get(t, "/invocations?"+query).is(t, http.StatusBadRequest).has(t, "The list cannot be filtered like this", want, "Show all invocations")
		if rows := page.rowsOf(); len(rows) > 0 {
			t.Errorf("%s: rows %v, want none", query, rows)
		}
	}
}

func TestListShowsHostileText(t *testing.T) {
	t.Parallel()
	i := number(1, runwith.StateFailed)
	i.Caller, i.Labels = `"><img src=x onerror=alert(1)>`, map[string]string{"\u202eevil": "</bdi><script>"}
	i.Error = &runwith.Failure{Message: "exit \x1b[31m\x00 \u202egnp.exe\xff " + strings.Repeat("long ", 1_000_000)}
	page := open(t, &fake{all: []runwith.Invocation{i}}, "").get(t, "/invocations").is(t, http.StatusOK).
		has(t, "&#34;&gt;&lt;img src=x", "exit ␛[31m␀ ⟨U&#43;202E⟩gnp.exe�").
		lacks(t, "<img", "\x1b", "\u202e", "</bdi><script>")
	if len(page.body) > 60_000 {
		t.Errorf("page has %d bytes, want it short", len(page.body))
	}
}

func TestListOffersWhatTheCallerMayDo(t *testing.T) {
	t.Parallel()
	const config = `
callers:
  viewer: {oidc: {issuer: google, subject: "1", audience: x}, grants: [view]}
  canceller: {oidc: {issuer: google, subject: "2", audience: x}, grants: [cancel]}
  starter: {oidc: {issuer: google, subject: "3", audience: x}, grants: [view, start]}
jobs: {reindex: {}}`
	s := open(t, &fake{all: []runwith.Invocation{number(2, runwith.StateRunning), number(1, runwith.StateSucceeded)}}, config)
	s.as("viewer").get(t, "/invocations").has(t, "inv-00002", "inv-00001").lacks(t, "data-key=\"x\"", "data-key=\"r\"", "checkbox")
	s.as("canceller").get(t, "/invocations").has(t, "/invocations/cancel?id=inv-00002").lacks(t, "/invocations/cancel?id=inv-00001", "/invocations/rerun?id=")
	s.as("starter").get(t, "/invocations").has(t, "/invocations/rerun?id=inv-00002", "/invocations/rerun?id=inv-00001").lacks(t, "/invocations/cancel?id=")
}

func TestEmptyListSaysWhatToDo(t *testing.T) {
	t.Parallel()
	s := open(t, &fake{}, "")
	s.get(t, "/invocations").has(t, "Nothing has run yet", `href="/start"`)
	s.get(t, "/invocations?job=other").has(t, "No invocation fits", "filter above")
}

// A filter that cannot be read is a fault: without it, the list would show more than was asked for.
func TestDamagedFilter(t *testing.T) {
	t.Parallel()
	s := open(t, &fake{all: history(3)}, "")
	for _, query := range []string{"job=%zz", "state=failed;job=reindex", "label=a%"} {
		s.get(t, "/invocations?"+query).is(t, http.StatusBadRequest).has(t, "damaged").lacks(t, "inv-00001")
	}
}
