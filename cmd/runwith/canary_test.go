package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
)

// cage has the canaries and the places where a secret could come to light. Its methods may be
// called concurrently.
type cage struct {
	mu       sync.Mutex
	canaries map[string]string // name -> the text to look for
	places   map[string][]sight
}

// sight is something that came to light.
type sight struct{ where, text string }

func newCage() *cage {
	return &cage{canaries: map[string]string{}, places: map[string][]sight{}}
}

// plant adds a canary and returns its text, which nothing else contains.
func (c *cage) plant(name string) string {
	return c.know(name, "c4nary"+strings.NewReplacer(" ", "", "'", "").Replace(name)+"z")
}

// know adds a canary with a text that somebody else has made.
func (c *cage) know(name, text string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.canaries[name] = text
	return text
}

// see records a text that was found at a place. where is the exact source.
func (c *cage) see(place, where, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.places[place] = append(c.places[place], sight{where, text})
}

// allowance is a place where canaries must be, with the reason.
type allowance struct {
	place    string
	canaries []string
	why      string
}

// check reports each canary at a place without an allowance. It also reports each allowance
// without a canary, because a search that misses an expected canary misses others too.
func (c *cage) check(t *testing.T, allowances []allowance) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	allowed := map[[2]string]bool{}
	for _, a := range allowances {
		for _, name := range a.canaries {
			allowed[[2]string{a.place, name}] = true
			if _, found := c.find(a.place, name); !found {
				t.Errorf("%s: does not have the canary %q, although it should (%s): the test is blind", a.place, name, a.why)
			}
		}
	}
	for _, place := range slices.Sorted(maps.Keys(c.places)) {
		for _, name := range slices.Sorted(maps.Keys(c.canaries)) {
			if at, found := c.find(place, name); found && !allowed[[2]string{place, name}] {
				t.Errorf("%s: has the canary %q at %s", place, name, at)
			}
		}
	}
}

// find searches a place for a canary, and returns its source and the text around it.
func (c *cage) find(place, name string) (at string, found bool) {
	canary := c.canaries[name]
	for _, s := range c.places[place] {
		if i := strings.Index(s.text, canary); canary == "" || i >= 0 {
			return fmt.Sprintf("%s: %q", s.where, s.text[max(0, i-200):min(len(s.text), i+len(canary)+100)]), true
		}
	}
	return "", false
}

// seen reports whether something at a place has all these texts.
func (c *cage) seen(place string, texts ...string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.places[place], func(s sight) bool {
		return !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(s.where+s.text, text) })
	})
}
