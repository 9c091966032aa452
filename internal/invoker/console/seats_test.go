package console_test

import (
	"bufio"
	"net/http"
	"testing"
)

// fill opens as many live pages as there may be, and returns them in order.
func (s site) fill(t *testing.T) (pages []*bufio.Scanner) {
	t.Helper()
	for range 256 {
		events, _ := s.follow(t, "/invocations")
		expect(t, events, "event: page")
		pages = append(pages, events)
	}
	return pages
}

func TestOneLivePageTooMany(t *testing.T) {
	t.Parallel()
	s := open(t, &fake{}, "")
	s.fill(t)
	events, _ := s.follow(t, "/invocations")
	expect(t, events, "event: full")
	expect(t, events, "Too many pages are open")
	s.get(t, "/invocations").is(t, http.StatusOK) // the page itself
}

// A caller with many pages shuts out nobody: its newest pages make room for others, until those have
// as many.
func TestLivePagesAreShared(t *testing.T) {
	t.Parallel()
	const config = `
callers:
  many: {oidc: {issuer: google, subject: "1", audience: x}, grants: [view]}
  few: {oidc: {issuer: google, subject: "2", audience: x}, grants: [view]}
jobs: {reindex: {}}`
	s := open(t, &fake{}, config)
	pages := s.as("many").fill(t)
	for n := range 2 {
		events, _ := s.as("few").follow(t, "/invocations")
		expect(t, events, "event: page")
		expect(t, pages[len(pages)-1-n], "event: full")
	}
	events, _ := s.as("many").follow(t, "/invocations")
	expect(t, events, "event: full")
}
