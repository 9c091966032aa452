package callback

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/runwith/runwith"
)

const body = `{"type":"invocation.failed","timestamp":"2026-11-28T10:00:00Z","data":{"id":"inv-1"}}`

func mustParse(t *testing.T, text string) Secret {
	t.Helper()
	s, err := ParseSecret(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// During a rotation the official library accepts the old secret and the new one.
func TestSignWithSeveralSecrets(t *testing.T) {
	t.Parallel()
	old, young := NewSecret(), NewSecret()
	private, public := NewKeyPair()
	h := http.Header{}
	sign(h, []Secret{mustParse(t, old), mustParse(t, young), mustParse(t, private)}, "evt-1", time.Now(), []byte(body))
	for _, secret := range []string{old, young} {
		wh, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		if err := wh.Verify([]byte(body), h); err != nil {
			t.Errorf("the official library refuses a callback: %v", err)
		}
	}
	for _, secret := range []string{old, young, public} {
		if _, err := runwith.VerifyCallback(h, []byte(body), secret); err != nil {
			t.Errorf("VerifyCallback() with one of the secrets: %v", err)
		}
	}
	if _, err := runwith.VerifyCallback(h, []byte(body), NewSecret()); err == nil {
		t.Error("VerifyCallback() with another secret accepts the callback")
	}
}

// The seed alone is the same key.
func TestParseSecretTakesASeed(t *testing.T) {
	t.Parallel()
	private, public := NewKeyPair()
	bare, err := privateKey(strings.TrimPrefix(private, privateKeyPrefix))
	if err != nil {
		t.Fatal(err)
	}
	seed := mustParse(t, privateKeyPrefix+encode(bare.Seed()))
	h := http.Header{}
	sign(h, []Secret{seed}, "evt-1", time.Now(), []byte(body))
	if _, err := runwith.VerifyCallback(h, []byte(body), public); err != nil {
		t.Errorf("VerifyCallback() of a callback that was signed with a seed: %v", err)
	}
}

func TestParseSecretRefuses(t *testing.T) {
	t.Parallel()
	private, public := NewKeyPair()
	_, other := NewKeyPair()
	bare, _ := privateKey(strings.TrimPrefix(private, privateKeyPrefix))
	foreign, _ := privateKey(strings.TrimPrefix(private, privateKeyPrefix))
	copy(foreign[32:], []byte(other)) // another public half
	for name, tt := range map[string]struct{ text, want string }{
		"empty":          {"", "must be whsec_"},
		"no prefix":      {strings.TrimPrefix(NewSecret(), secretPrefix), "must be whsec_"},
		"short":          {secretPrefix + encode(make([]byte, 23)), "24 to 64"},
		"long":           {secretPrefix + encode(make([]byte, 65)), "24 to 64"},
		"no base64":      {secretPrefix + "%%%%", "must be whsec_"},
		"public key":     {public, "cannot sign"},
		"cut key":        {privateKeyPrefix + encode(bare[:40]), "must be whsk_"},
		"foreign halves": {privateKeyPrefix + encode(foreign), "do not belong together"},
	} {
		_, err := ParseSecret(tt.text)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: ParseSecret() = %v, want an error with %q", name, err, tt.want)
		}
		if err != nil && len(tt.text) > 10 && strings.Contains(err.Error(), tt.text[7:]) {
			t.Errorf("%s: the error contains the secret", name)
		}
	}
	for _, size := range []int{minSecret, maxSecret} {
		if _, err := ParseSecret(" " + secretPrefix + encode(make([]byte, size)) + "\n"); err != nil {
			t.Errorf("ParseSecret() of %d bytes and a line break: %v", size, err)
		}
	}
}

func TestSecretDoesNotPrintItsValue(t *testing.T) {
	t.Parallel()
	text := NewSecret()
	s := mustParse(t, text)
	var logged strings.Builder
	slog.New(slog.NewTextHandler(&logged, nil)).Info("secret", "secret", s, "in", []Secret{s})
	for _, printed := range []string{fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s", s, []Secret{s}, s, &s), logged.String()} {
		if strings.Contains(printed, strings.TrimPrefix(text, secretPrefix)) {
			t.Errorf("a printed secret contains its value: %s", printed)
		}
	}
}
