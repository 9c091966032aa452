package metadata_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/metadata"
)

// keptIn returns c with its keys in a folder.
func keptIn(c metadata.Config, dir string) metadata.Config {
	c.Dir = dir
	return c
}

// TestKeysSurviveRestart checks that a restarted server accepts earlier tokens and
// publishes the same keys.
func TestKeysSurviveRestart(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "keys")
	before := handler(t, keptIn(config, dir))
	tokens := []string{askToken(t, before, "default").AccessToken, askIdentity(t, before, ownURL, "")}
	published := ask(before, "GET", "/oauth2/v3/certs").Body.String()

	authority, after := open(t, keptIn(config, dir))
	for _, token := range tokens {
		if _, refusal := authority.Check(token); refusal != nil {
			t.Errorf("Check of a token from before the restart = %v, want nil", refusal)
		}
	}
	if diff := cmp.Diff(published, ask(after, "GET", "/oauth2/v3/certs").Body.String()); diff != "" {
		t.Errorf("published keys after the restart (-before +after):\n%s", diff)
	}
	stranger, _ := open(t, keptIn(config, t.TempDir()))
	if _, refusal := stranger.Check(tokens[0]); refusal == nil {
		t.Error("Check by a server with other keys = nil, want UNAUTHENTICATED")
	}
}

func TestKeysAreMadeOnFirstUse(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "keys")
	authority, h := open(t, keptIn(config, dir))
	files := func() (names []string) {
		entries, _ := os.ReadDir(dir) // dir does not exist at first
		for _, entry := range entries {
			names = append(names, entry.Name())
		}
		return names
	}
	authority.Check("runwith-x.y.z")
	authority.Check("x.y.z")
	if got := files(); got != nil {
		t.Errorf("keys before the first token = %q, want none", got)
	}
	askToken(t, h, "default")
	if diff := cmp.Diff([]string{"access-token.jwk"}, files()); diff != "" {
		t.Errorf("keys after an access token (-want +got):\n%s", diff)
	}
	askIdentity(t, h, ownURL, "")
	if diff := cmp.Diff([]string{"access-token.jwk", "identity-token.jwk"}, files()); diff != "" {
		t.Errorf("keys after an identity token (-want +got):\n%s", diff)
	}
	if runtime.GOOS == "windows" {
		return // modes have no meaning there
	}
	for name, want := range map[string]os.FileMode{"": 0o700, "access-token.jwk": 0o600, "identity-token.jwk": 0o600} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != want {
			t.Errorf("mode of %q = %v, %v, want %v", name, info.Mode(), err, want)
		}
	}
}

// TestKeysAreMadeOnce checks that concurrent callers get the same key.
func TestKeysAreMadeOnce(t *testing.T) {
	t.Parallel()
	authority, h := open(t, config)
	tokens := make([]string, 8)
	var group sync.WaitGroup
	for i := range tokens {
		group.Go(func() { tokens[i] = askIdentity(t, h, ownURL, "") })
	}
	group.Wait()
	for _, token := range tokens {
		if _, refusal := authority.Check(token); refusal != nil {
			t.Errorf("Check = %v, want every token accepted", refusal)
		}
	}
}

func TestBadKeyFiles(t *testing.T) {
	t.Parallel()
	good := t.TempDir()
	h := handler(t, keptIn(config, good))
	askToken(t, h, "default")
	askIdentity(t, h, ownURL, "")
	read := func(name string) string {
		raw, err := os.ReadFile(filepath.Join(good, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	const access, identity = "access-token.jwk", "identity-token.jwk"
	public := ask(h, "GET", "/oauth2/v3/certs").Body.String()
	public = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(public), `{"keys":[`), "]}")
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	weakJWK, err := json.Marshal(jose.JSONWebKey{Key: weak, KeyID: "weak", Algorithm: "RS256"})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, file, content, says string }{
		{"empty", identity, "", "unexpected end of JSON input"},
		{"cut short", identity, read(identity)[:100], "unexpected end of JSON input"},
		{"no key", access, "{}", "missing json web key type"},
		{"a key of the other kind", access, read(identity), "is not a private key for HS256"},
		{"a secret for the signature", identity, read(access), "is not a private key for RS256"},
		{"a public key", identity, public, "is not a private key for RS256"},
		{"a weak key", identity, string(weakJWK), "is not a private key for RS256"},
		{"a short secret", access, `{"kty":"oct","kid":"a","alg":"HS256","k":"c2hvcnQ"}`, "is not a private key for HS256"},
		{"without an ID", access, strings.Replace(read(access), `"kid"`, `"kim"`, 1), "is not a private key for HS256"},
		{"for something else", access, strings.Replace(read(access), "HS256", "HS512", 1), "is not a private key for HS256"},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, test.file)
		if err := os.WriteFile(path, []byte(test.content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := metadata.Open(keptIn(config, dir))
		if runwith.CodeOf(err) != runwith.FailedPrecondition || !strings.Contains(err.Error(), "key file "+path+": ") ||
			!strings.Contains(err.Error(), test.says+"; remove it and start again") {
			t.Errorf("%s: Open = %v, want FAILED_PRECONDITION with the file, %q and advice", test.name, err, test.says)
		}
	}
}

// TestUnwritableKeyIsNotUsed checks that a key that cannot be written is not used, and
// that the answer does not reveal the server's folders.
func TestUnwritableKeyIsNotUsed(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "keys")
	var log strings.Builder
	c := keptIn(config, filepath.Join(dir, "below a file"))
	c.Logger = slog.New(slog.NewTextHandler(&log, nil))
	h := handler(t, c)
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{accounts + "default/token", accounts + "default/identity?audience=x", "/oauth2/v3/certs"} {
		w := ask(h, "GET", path, flavor)
		if got := w.Body.String(); w.Code != 503 || !strings.Contains(got, "its log has the reason") || strings.Contains(got, dir) {
			t.Errorf("GET %s = %d %q, want a 503 that refers to the log", path, w.Code, got)
		}
	}
	if got := log.String(); strings.Count(got, dir) < 3 {
		t.Errorf("log = %q, want the reason three times", got)
	}
}
