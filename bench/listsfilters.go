package main

import (
	"net/url"
	"strings"
)

// list is a list of invocations by some filters.
type list struct {
	what    string
	filters string // name=value, separated by spaces
	// rare means that it selects rareInvocations, however many there are.
	rare bool
	// timed means that it selects the times from the first to the last quarter of all.
	timed bool
}

// lists are the lists that are measured. fillLists makes the invocations that they select.
var lists = []list{ //nolint:gochecknoglobals // never written
	{what: "all"},
	{what: "a job", filters: "job=" + jobID},
	{what: "a rare job", filters: "job=seldom", rare: true},
	{what: "a state", filters: "state=failed"},
	{what: "a rare state", filters: "state=refused", rare: true},
	{what: "not successful", filters: "state=failed state=refused state=unresolved"},
	{what: "a caller", filters: "caller=caller-0"},
	{what: "a rare caller", filters: "caller=seldom", rare: true},
	{what: "a label", filters: "label=tenant=acme"},
	{what: "a rare label", filters: "label=tenant=seldom", rare: true},
	{what: "a schedule", filters: "source=schedule/nightly"},
	{what: "a rare schedule", filters: "source=schedule/seldom", rare: true},
	{what: "a trigger", filters: "source=trigger/uploads"},
	{what: "all schedules", filters: "source=schedule/"},
	{what: "reruns", filters: "rerunOf=" + rerunOf, rare: true},
	{what: "a time", timed: true},
	{what: "a job in a time", filters: "job=" + jobID, timed: true},
	{what: "a job in a state", filters: "job=other state=failed"},
	{what: "a job in a rare state", filters: "job=" + jobID + " state=failed", rare: true},
	{what: "a job, not successful", filters: "job=" + jobID + " state=failed state=refused state=unresolved", rare: true},
	{what: "a caller's job", filters: "caller=caller-0 job=other"},
	{what: "a caller's rare job", filters: "caller=caller-1 job=third", rare: true},
	{what: "a caller in a state", filters: "caller=caller-0 state=failed"},
	{what: "a caller in a rare state", filters: "caller=caller-1 state=cancelled", rare: true},
	{what: "a caller's job in a state", filters: "caller=caller-0 job=other state=failed"},
	{what: "a schedule in a rare state", filters: "source=schedule/nightly state=failed", rare: true},
	{what: "all schedules in a rare state", filters: "source=schedule/ state=failed", rare: true},
	{what: "a label of a caller", filters: "label=tenant=acme caller=caller-0"},
	{what: "a label and a job", filters: "label=tenant=acme job=other"},
	{what: "a label in a rare state", filters: "label=tenant=acme state=cancelled", rare: true},
	{what: "a label and a rare one", filters: "label=region=eu label=tenant=seldom", rare: true},
}

// query returns the filters as a URL has them.
func (l list) query() url.Values {
	query := url.Values{}
	for filter := range strings.FieldsSeq(l.filters) {
		name, value, _ := strings.Cut(filter, "=")
		query.Add(name, value)
	}
	return query
}

// page names a page of the list.
func (l list) page(middle bool) string {
	if middle {
		return l.what + ", a page in the middle"
	}
	return l.what
}
