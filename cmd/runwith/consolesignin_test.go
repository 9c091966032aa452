package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/auth"
	"github.com/runwith/runwith/internal/testneed"
)

// Who signs in sees and may do what the grants of the caller allow, and no longer than the key is in
// the configuration: an open page notices when it is gone.
func TestConsoleSignIn(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	key, config := auth.NewKey(), filepath.Join(t.TempDir(), "runwith.yaml")
	id, _ := auth.KeyID(key)
	write := func(id, key string) {
		text := fmt.Sprintf("callers:\n  viewer: {apiKeys: [{id: %s, sha256: %s}]}\njobs:\n  test-job:\n    allow: {env: [TOKEN]}\n    grants: {viewer: [view]}\n", id, auth.HashKey(key))
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(id, key)
	s := startUp(t, t.TempDir(), "--config", config)
	i, err := s.client().Start(t.Context(), "test-job", "once", &runwith.Request{Overrides: runwith.Overrides{Env: map[string]string{"TOKEN": "canary-value"}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.client().Wait(t.Context(), i.ID); err != nil {
		t.Fatal(err)
	}
	b := openTab(startBrowser(t), t, s.url)
	b.expect("status of 401")

	b.open(t, "/invocations/"+i.ID) // as the local user
	b.waitForText(t, "canary-value", "Run again")
	signIn := func(key string) {
		b.open(t, "/console/sign-in")
		b.do(t, chromedp.SetValue(chromedp.CSS("#key"), key))
		b.click(t, "form.sign-in button")
	}
	signIn(auth.NewKey())
	b.waitForText(t, "the API key is not one of this server's")
	signIn(key)
	b.waitForText(t, "Signed in as viewer")
	b.wait(t, "!document.querySelector('nav').innerText.includes('Callbacks')")

	b.open(t, "/invocations/"+i.ID)
	b.waitForText(t, "TOKEN", "***")
	for _, hidden := range []string{"canary-value", "Run again", "Edit and run again"} {
		if evaluate[bool](t, b, fmt.Sprintf("document.getElementById('main').innerHTML.includes(%q)", hidden)) {
			t.Errorf("a caller who may only view sees %q", hidden)
		}
	}
	b.open(t, "/")
	b.waitForText(t, "Signed in as viewer")
	other := auth.NewKey()
	otherID, _ := auth.KeyID(other)
	write(otherID, other)
	b.wait(t, "!document.body.innerText.includes('Signed in as')")
}
