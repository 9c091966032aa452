package main

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/invoker/auth"
	"github.com/runwith/runwith/internal/testneed"
)

// maskConfig is a server with two callers, who differ in the verb values, and a value in each
// place: each is secret- and the place. Invocations of a tenant wait for each other.
const maskConfig = `
callers:
  plain: {apiKeys: [PLAIN], grants: [view, start, cancel, operate]}
  valued: {apiKeys: [VALUED], grants: [view, start, cancel, operate, values]}
jobs:
  hold:
    parameters: {tenant: {type: string}, pages: {type: integer, optional: true}}
    env: {TENANT: "{tenant}", PAGES: "{pages}"}
    allow: {args: true, env: [TOKEN]}
    concurrency: {key: "{tenant}", limit: 1, overflow: queue}
triggers:
  pushed: {type: webhook, preset: github, job: hold, secret: {file: pushed}, map: {tenant: /tenant, pages: /pages}}
schedules:
  nightly: {cron: "0 0 29 2 *", job: hold, parameters: {tenant: secret-schedule}}
requestCallbacks: {hosts: [127.0.0.1], secret: {file: shared}}
`

// masks is a server with maskConfig.
type masks struct {
	*server

	keys                           map[string]string // of the callers
	ended, queued, delivery, event string            // IDs
}

// startMasks starts a server on which an invocation has ended, with a callback, one runs, and one
// waits. An event was refused.
func startMasks(t *testing.T) *masks {
	t.Helper()
	m := &masks{keys: map[string]string{"plain": auth.NewKey(), "valued": auth.NewKey()}}
	hook := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(hook.Close)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"runwith.yaml": strings.NewReplacer("PLAIN", entryOf(m.keys["plain"]), "VALUED", entryOf(m.keys["valued"])).Replace(maskConfig),
		"pushed":       webhookSecret,
		"shared":       "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
	} {
		replace(t, filepath.Join(dir, name), text)
	}
	m.server = startHolding(t, "--config", filepath.Join(dir, "runwith.yaml"), "--callback-allow", "127.0.0.0/8")
	request := &runwith.Request{
		Parameters: map[string]any{"tenant": "secret-parameter"},
		Overrides:  runwith.Overrides{Args: []string{"secret-argument"}, Env: map[string]string{"TOKEN": "secret-variable"}},
		Callback:   &runwith.Callback{URL: hook.URL + "/?token=secret-callback"},
	}
	m.release(t)
	m.ended = m.started(t, request)
	m.checkSettled(t, m.ended)
	if err := os.Remove(filepath.Join(m.data, "released")); err != nil {
		t.Fatal(err)
	}
	m.firstLine(t, m.started(t, request))
	m.queued = m.started(t, request)
	m.waitFor(t, m.queued, func(i *runwith.Invocation) bool { return i.State == runwith.StateQueued && i.Waiting != nil })
	m.event, m.delivery = m.refusedEvent(t), m.deliveryOf(t, m.ended)
	return m
}

// deliveryOf waits for the callback of an invocation, and returns its ID.
func (m *masks) deliveryOf(t *testing.T, invocation string) (id string) {
	t.Helper()
	eventually.True(t, "the callback is delivered", func() bool {
		for d, err := range m.client().Deliveries(t.Context(), &runwith.DeliveryOptions{Invocation: invocation}) {
			if err != nil {
				t.Fatal(err)
			}
			id = d.ID
			return d.State == runwith.DeliveryDelivered
		}
		return false
	})
	return id
}

func (m *masks) started(t *testing.T, q *runwith.Request) string {
	t.Helper()
	i, err := m.client().Start(t.Context(), "hold", rand.Text(), q)
	if err != nil {
		t.Fatal(err)
	}
	return i.ID
}

// refusedEvent sends an event that the trigger refuses because of a value, and returns its ID.
func (m *masks) refusedEvent(t *testing.T) string {
	t.Helper()
	const body = `{"tenant":"secret-body","pages":"secret-pages"}`
	mac := hmac.New(sha256.New, []byte(webhookSecret))
	mac.Write([]byte(body))
	m.trigger(t, "pushed", body, "Content-Type: application/json", "X-GitHub-Event: push", "X-GitHub-Delivery: 1", "X-Hub-Signature-256: sha256="+hex.EncodeToString(mac.Sum(nil)))
	for e, err := range m.client().TriggerEvents(t.Context(), &runwith.TriggerEventOptions{Outcome: runwith.TriggerRefused}) {
		if err != nil {
			t.Fatal(err)
		}
		return e.ID
	}
	t.Fatal("no event was refused")
	return ""
}

// signIn signs in with an API key.
func (b *tab) signIn(t *testing.T, key string) {
	t.Helper()
	b.open(t, "/console/sign-in")
	b.do(t, chromedp.SetValue(chromedp.CSS("#key"), key))
	b.click(t, "form.sign-in button")
	b.waitForText(t, "You are signed in.")
}

// everything is all text of a page: what it shows, what it hides, its fields and its addresses.
const everything = `document.documentElement.outerHTML + [...document.querySelectorAll("input, textarea, select")].map((e) => e.value).join("\n") + location.href`

// secrets returns which values the page has.
func (b *tab) secrets(t *testing.T) (found []string) {
	t.Helper()
	for _, word := range strings.FieldsFunc(evaluate[string](t, b, everything), func(r rune) bool { return r != '-' && (r < 'a' || r > 'z') }) {
		if place, is := strings.CutPrefix(word, "secret-"); is {
			found = append(found, place)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// A page shows values only to callers who may see them. For others, it has none in its text, its
// fields or its commands to copy.
func TestConsoleMasksValues(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	m := startMasks(t)
	pages := map[string]string{ // and the values that they have
		"/":                                 "parameter",
		"/invocations":                      "parameter",
		"/invocations/" + m.ended:           "argument callback parameter variable",
		"/invocations/" + m.queued:          "argument callback parameter variable",
		"/invocations/" + m.ended + "/logs": "",
		"/invocations/cancel?id=" + m.ended: "",
		"/invocations/rerun?id=" + m.ended:  "",
		"/jobs/hold":                        "parameter",
		"/jobs/hold/start":                  "",
		"/start?rerun=" + m.ended:           "argument callback parameter variable",
		"/schedules":                        "",
		"/schedules/nightly":                "schedule",
		"/events":                           "",
		"/events/" + m.event:                "body pages",
		"/callbacks?invocation=" + m.ended:  "",
		"/callbacks/" + m.delivery:          "",
		"/usage":                            "",
	}
	b := openTab(startBrowser(t), t, m.url)
	for _, caller := range []string{"plain", "valued"} {
		b.signIn(t, m.keys[caller])
		for path, want := range pages {
			if caller == "plain" {
				want = ""
			}
			b.open(t, path)
			b.waitForText(t, "Signed in as "+caller)
			if got := strings.Join(b.secrets(t), " "); got != want {
				t.Errorf("%s sees the values %q on %s, want %q", caller, got, path, want)
			}
		}
	}
}

// A caller who may not see values can run an invocation again. The form has masks in their place, and
// the new invocation has the values. No answer shows one.
func TestConsoleRerunsWithHiddenValues(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	m := startMasks(t)
	b := openTab(startBrowser(t), t, m.url)
	b.signIn(t, m.keys["plain"])
	b.open(t, "/start?rerun="+m.ended)
	b.waitForText(t, "You may not see its values", "Hidden values stay as they are.")
	b.click(t, "[data-start]")
	b.waitForText(t, "The job was started.")
	if got := b.secrets(t); len(got) > 0 {
		t.Errorf("the page of the new invocation shows %q", got)
	}
	first, err := m.client().Invocation(t.Context(), m.ended)
	if err != nil {
		t.Fatal(err)
	}
	again := m.starts(t)[0]
	if again.RerunOf != m.ended {
		t.Errorf("the newest invocation runs %q again, want %s", again.RerunOf, m.ended)
	}
	if diff := cmp.Diff(first.Request, again.Request); diff != "" {
		t.Errorf("request of the rerun (-first +again):\n%s", diff)
	}
}
