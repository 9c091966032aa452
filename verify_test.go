package runwith

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const eventBody = `{"type":"invocation.failed","timestamp":"2026-11-28T10:00:00Z","data":{"id":"inv-1","job":"nightly","state":"failed","version":7,` +
	`"counts":{"tasks":1,"running":0,"succeeded":0,"failed":1,"cancelled":0,"retried":0},"error":{"code":"ABORTED","message":"task 0 failed"},` +
	`"created":"2026-11-28T09:59:00Z","updateTime":"2026-11-28T10:00:00Z","logs":"/api/v1/invocations/inv-1/logs"}}`

func newSecret(t *testing.T) string {
	t.Helper()
	key := make([]byte, 32)
	rand.Read(key)
	return "whsec_" + base64.StdEncoding.EncodeToString(key)
}

// signed returns the headers of a callback that the official library has signed.
func signed(t *testing.T, secret, body string, at time.Time) http.Header {
	t.Helper()
	wh, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := wh.Sign("evt-1", at, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return callbackHeader("evt-1", at, signature)
}

func callbackHeader(id string, at time.Time, signature string) http.Header {
	h := http.Header{}
	h.Set("webhook-id", id)
	h.Set("webhook-timestamp", strconv.FormatInt(at.Unix(), 10))
	h.Set("webhook-signature", signature)
	return h
}

func TestVerifyCallback(t *testing.T) {
	t.Parallel()
	secret := newSecret(t)
	got, err := VerifyCallback(signed(t, secret, eventBody, time.Now()), []byte(eventBody), newSecret(t), secret)
	if err != nil {
		t.Fatalf("VerifyCallback() of a signed body: %v", err)
	}
	at := time.Date(2026, 11, 28, 10, 0, 0, 0, time.UTC)
	want := &Event{ID: "evt-1", Type: EventFailed, Timestamp: at, Data: EventData{
		ID: "inv-1", Job: "nightly", State: StateFailed, Version: 7, Counts: Counts{Tasks: 1, Failed: 1},
		Error: &Failure{Code: "ABORTED", Message: "task 0 failed"}, Created: at.Add(-time.Minute), UpdateTime: at,
		Logs: "/api/v1/invocations/inv-1/logs",
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("VerifyCallback() (-want +got):\n%s", diff)
	}
}

func TestVerifyCallbackWithPublicKey(t *testing.T) {
	t.Parallel()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	content := "evt-1." + strconv.FormatInt(now.Unix(), 10) + "." + eventBody
	signature := base64.StdEncoding.EncodeToString(ed25519.Sign(private, []byte(content)))
	key := "whpk_" + base64.StdEncoding.EncodeToString(public)
	header := callbackHeader("evt-1", now, "v1,AAAA v1a,"+signature)
	if _, err := VerifyCallback(header, []byte(eventBody), key); err != nil {
		t.Errorf("VerifyCallback() of a v1a signature: %v", err)
	}
	// The signature of one scheme must not pass as that of the other.
	header.Set("webhook-signature", "v1,"+signature)
	if _, err := VerifyCallback(header, []byte(eventBody), key); CodeOf(err) != Unauthenticated {
		t.Errorf("VerifyCallback() of a v1a signature marked v1 = %v, want UNAUTHENTICATED", err)
	}
}

// The example of the specification's text, with its own secret and time.
func TestVerifyCallbackOfAnotherImplementation(t *testing.T) {
	t.Parallel()
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	const body = `{"test": 2432232314}`
	header := callbackHeader("msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
	if _, err := verifyCallback(header, []byte(body), time.Unix(1614265400, 0), []string{secret}); err != nil {
		t.Errorf("verifyCallback() of a known signature: %v", err)
	}
}

func TestVerifyCallbackRefuses(t *testing.T) {
	t.Parallel()
	secret, now := newSecret(t), time.Now()
	without := func(name string) http.Header {
		h := signed(t, secret, eventBody, now)
		h.Del(name)
		return h
	}
	with := func(name, value string) http.Header {
		h := signed(t, secret, eventBody, now)
		h.Set(name, value)
		return h
	}
	good := signed(t, secret, eventBody, now)
	tests := []struct {
		name    string
		header  http.Header
		body    string
		secrets []string
		code    Code
		want    string
	}{
		{"no id", without("webhook-id"), eventBody, []string{secret}, Unauthenticated, "webhook-id is missing"},
		{"no timestamp", without("webhook-timestamp"), eventBody, []string{secret}, Unauthenticated, "webhook-timestamp is missing"},
		{"no signature", without("webhook-signature"), eventBody, []string{secret}, Unauthenticated, "webhook-signature is missing"},
		{"other body", good, eventBody + " ", []string{secret}, Unauthenticated, "no signature matches"},
		{"other id", with("webhook-id", "evt-2"), eventBody, []string{secret}, Unauthenticated, "no signature matches"},
		{"other time", with("webhook-timestamp", strconv.FormatInt(now.Unix()+1, 10)), eventBody, []string{secret}, Unauthenticated, "no signature matches"},
		{"no number", with("webhook-timestamp", "yesterday"), eventBody, []string{secret}, Unauthenticated, "number of seconds"},
		{"other secret", good, eventBody, []string{newSecret(t)}, Unauthenticated, "no signature matches"},
		{"unversioned signature", with("webhook-signature", strings.TrimPrefix(good.Get("webhook-signature"), "v1,")), eventBody, []string{secret}, Unauthenticated, "no signature matches"},
		{"no secret", good, eventBody, nil, InvalidArgument, "at least one"},
		{"short secret", good, eventBody, []string{secret, "whsec_c2hvcnQ="}, InvalidArgument, "secret 2: must be whsec_"},
		{"private key", good, eventBody, []string{"whsk_AAAA"}, InvalidArgument, "secret 1: must be whsec_"},
		{"short public key", good, eventBody, []string{"whpk_AAAA"}, InvalidArgument, "whpk_ and the base64 of 32 bytes"},
		{"no event", signed(t, secret, `[]`, now), `[]`, []string{secret}, InvalidArgument, "not an event"},
	}
	for _, tt := range tests {
		_, err := VerifyCallback(tt.header, []byte(tt.body), tt.secrets...)
		if CodeOf(err) != tt.code || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: VerifyCallback() = %v (%v), want %v with %q", tt.name, err, CodeOf(err), tt.code, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), strings.TrimPrefix(secret, "whsec_")) {
			t.Errorf("%s: the error contains the secret: %v", tt.name, err)
		}
	}
}

func TestVerifyCallbackTolerance(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		secret := newSecret(t)
		now := time.Now()
		for _, tt := range []struct {
			off time.Duration
			ok  bool
		}{{-5 * time.Minute, true}, {-301 * time.Second, false}, {5 * time.Minute, true}, {301 * time.Second, false}} {
			_, err := VerifyCallback(signed(t, secret, eventBody, now.Add(tt.off)), []byte(eventBody), secret)
			if (err == nil) != tt.ok {
				t.Errorf("VerifyCallback() of a callback that is off by %v: %v, want accepted: %v", tt.off, err, tt.ok)
			}
		}
	})
}
