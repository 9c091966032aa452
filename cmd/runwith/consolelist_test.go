package main

import (
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/testneed"
)

// rowIDs is an expression for the IDs of the rows, in order.
const rowIDs = `[...document.querySelectorAll("tr[data-row]")].map((row) => row.id.slice(4))`

// New invocations appear by themselves, but no row moves below the pointer: a button says how
// many are new, and rows that are there still change.
func TestConsoleHoldsRowsBelowThePointer(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	s := startHolding(t)
	first := s.start(t)
	b := openTab(startBrowser(t), t, s.url)
	b.open(t, "/invocations")
	b.wait(t, rowIDs+".join() === "+strconv.Quote(first))
	second := s.start(t)
	b.wait(t, rowIDs+".join() === "+strconv.Quote(second+","+first))

	b.hover(t, "#row-"+first)
	s.start(t)
	s.start(t)
	b.wait(t, `document.querySelector(".news").textContent === "2 new"`)
	s.release(t)
	s.checkSettled(t, first)
	b.wait(t, `document.querySelector("#row-`+first+` .state").textContent === "succeeded"`)
	if got := evaluate[[]string](t, b, rowIDs); strings.Join(got, ",") != second+","+first {
		t.Errorf("rows %v below the pointer, want them where they were", got)
	}
	b.click(t, ".news")
	b.wait(t, rowIDs+".length === 4 && document.querySelector('.news').hidden")
}

// Chosen invocations are cancelled from the keyboard, and run again with a click, after a page
// that asks.
func TestConsoleCancelsAndRerunsChosen(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	s := startHolding(t)
	ids := []string{s.start(t), s.start(t), s.start(t)}
	for _, id := range ids {
		s.firstLine(t, id)
	}
	b := openTab(startBrowser(t), t, s.url)
	b.open(t, "/invocations?state=unfinished")
	b.wait(t, rowIDs+".length === 3")
	b.waitForText(t, "Choose rows to cancel them") // the modules are there
	b.press(t, "x")                                // no row is marked or chosen
	b.press(t, "jcjc")
	b.waitForText(t, "2 chosen")
	b.press(t, "x")
	b.waitForText(t, "Cancel 2 invocations?")
	b.confirm(t)
	b.waitForText(t, "Cancel requested for 2 invocations")
	for _, id := range ids[1:] {
		s.waitFor(t, id, func(i *runwith.Invocation) bool { return i.State == runwith.StateCancelled })
	}

	b.open(t, "/invocations?state=cancelled")
	b.wait(t, rowIDs+".length === 2")
	b.waitForText(t, "Choose rows to cancel them")
	b.click(t, "[data-all]")
	b.waitForText(t, "2 chosen")
	b.click(t, "[data-bulk] [data-key=r]")
	b.waitForText(t, "Run 2 invocations again?")
	b.click(t, "main form button")
	b.waitForText(t, "Started 2 invocations again")
	s.release(t)
	count := 0
	for i, err := range s.client().Invocations(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if i.RerunOf != "" {
			count++
		}
	}
	if count != 2 {
		t.Errorf("%d invocations are reruns, want 2", count)
	}
}

// The list filters, pages and cancels without JavaScript.
func TestConsoleListWithoutJavaScript(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	s := startHolding(t)
	ids := []string{s.start(t), s.start(t)}
	b := openTab(startBrowser(t), t, s.url)
	b.withoutJavaScript(t)
	b.open(t, "/")
	b.waitForText(t, "The server works", "Running")
	b.open(t, "/invocations")
	b.do(t, chromedp.SendKeys(chromedp.CSS("#job"), "other\r"))
	b.waitForText(t, "No invocation fits")
	b.click(t, ".filters a.button")
	for _, id := range ids {
		b.click(t, "#row-"+id+" input[name=id]")
	}
	b.click(t, "[data-bulk] [data-key=x]")
	b.waitForText(t, "Cancel 2 invocations?")
	b.click(t, "main form button")
	b.waitForText(t, "Cancel requested for 2 invocations")
	for _, id := range ids {
		s.waitFor(t, id, func(i *runwith.Invocation) bool { return i.State == runwith.StateCancelled })
	}
}

// What a visitor has chosen and marked stays when the list changes.
func TestConsoleKeepsChoices(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	s := startHolding(t)
	first := s.start(t)
	s.firstLine(t, first)
	b := openTab(startBrowser(t), t, s.url)
	b.open(t, "/invocations")
	b.waitForText(t, "Choose rows to cancel them") // the modules are there
	b.press(t, "jc")
	b.waitForText(t, "1 chosen")
	s.firstLine(t, s.start(t))
	b.wait(t, rowIDs+".length === 2")
	row := "document.getElementById('row-" + first + "')"
	if !evaluate[bool](t, b, row+".querySelector('input').checked && "+row+".ariaSelected === 'true'") {
		t.Error("the chosen row is not chosen or marked any more")
	}
	b.waitForText(t, "1 chosen")
	s.release(t)
}
