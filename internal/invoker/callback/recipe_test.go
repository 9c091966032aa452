package callback

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/runwith/runwith/internal/testneed"
)

// recipe returns the code block of docs/callbacks.md after the comment with this name.
func recipe(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "callbacks.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(text), "<!-- recipe "+name+" -->\n```")
	_, code, _ := strings.Cut(after, "\n")
	code, _, closed := strings.Cut(code, "\n```\n")
	if !found || !closed {
		t.Fatalf("docs/callbacks.md has no recipe for %s", name)
	}
	return code + "\n"
}

// trial is a callback that a recipe verifies, and whether it must accept it.
type trial struct {
	Name    string            `json:"name"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
	Secret  string            `json:"secret"`
	Accept  bool              `json:"accept"`
}

func trials(t *testing.T, asymmetric bool) []trial {
	t.Helper()
	secret, now := NewSecret(), time.Now()
	private, public := NewKeyPair()
	make := func(name string, at time.Time, change func(*trial), accept bool) trial {
		h := http.Header{}
		sign(h, []Secret{mustParse(t, NewSecret()), mustParse(t, secret), mustParse(t, private)}, "evt_1", at, []byte(body))
		one := trial{name, map[string]string{}, body, secret, accept}
		for key := range h {
			one.Headers[strings.ToLower(key)] = h.Get(key)
		}
		change(&one)
		return one
	}
	all := []trial{
		make("good", now, func(*trial) {}, true),
		make("other body", now, func(x *trial) { x.Body += " " }, false),
		make("other ID", now, func(x *trial) { x.Headers["webhook-id"] = "evt_2" }, false),
		make("other secret", now, func(x *trial) { x.Secret = NewSecret() }, false),
		make("old", now.Add(-6*time.Minute), func(*trial) {}, false),
		make("early", now.Add(6*time.Minute), func(*trial) {}, false),
		make("no signature", now, func(x *trial) { delete(x.Headers, "webhook-signature") }, false),
		make("no timestamp", now, func(x *trial) { delete(x.Headers, "webhook-timestamp") }, false),
		make("a digit that is no number", now, func(x *trial) { x.Headers["webhook-timestamp"] = "²" }, false),
		make("a huge timestamp", now, func(x *trial) { x.Headers["webhook-timestamp"] = strings.Repeat("9", 5000) }, false),
		make("no base64", now, func(x *trial) { x.Headers["webhook-signature"] = "v1,%% v1 ," }, false),
		make("not ASCII", now, func(x *trial) { x.Headers["webhook-signature"] = "v1,é" }, false),
	}
	if asymmetric {
		_, other := NewKeyPair()
		all = append(all, make("key pair", now, func(x *trial) { x.Secret = public }, true), make("other key pair", now, func(x *trial) { x.Secret = other }, false))
	}
	return all
}

func runRecipe(t *testing.T, trials []trial, files map[string]string, command ...string) {
	t.Helper()
	dir := t.TempDir()
	input, err := json.Marshal(trials)
	if err != nil {
		t.Fatal(err)
	}
	files["trials.json"] = string(input)
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	cmd.Dir = dir
	output, err := cmd.CombinedOutput()
	if err != nil || string(output) != "" {
		t.Errorf("the recipe has verified wrongly (%v):\n%s", err, output)
	}
}

func TestNodeRecipe(t *testing.T) {
	t.Parallel()
	testneed.Tool(t, "node")
	runRecipe(t, trials(t, true), map[string]string{"verify.mjs": recipe(t, "node"), "main.mjs": `
import { readFileSync } from 'node:fs';
import { verify } from './verify.mjs';
for (const t of JSON.parse(readFileSync('trials.json'))) {
  const event = verify(t.headers, Buffer.from(t.body), t.secret);
  if ((event?.data?.id === 'inv-1') !== t.accept) console.log(t.name, event);
}`}, "node", "main.mjs")
}

func TestPythonRecipe(t *testing.T) {
	t.Parallel()
	testneed.Tool(t, "python3")
	runRecipe(t, trials(t, false), map[string]string{"verify.py": recipe(t, "python"), "main.py": `
import json
from verify import verify
for t in json.load(open("trials.json")):
    event = verify(t["headers"], t["body"].encode(), t["secret"])
    if (event is not None and event["data"]["id"] == "inv-1") != t["accept"]:
        print(t["name"], event)
`}, "python3", "main.py")
}
