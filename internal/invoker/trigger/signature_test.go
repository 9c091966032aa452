package trigger

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/configfile"
)

// The documented examples of both presets.
const (
	githubSecret = "It's a Secret to Everybody"
	githubBody   = "Hello, World!"
	githubGolden = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

	standardSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	standardBody   = `{"test": 2432232314}`
	standardGolden = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

// sentAt is the time of the example of Standard Webhooks.
func sentAt() time.Time { return time.Unix(1614265330, 0) }

// verifierOf returns the verifier of a webhook with secrets, which the configuration reads.
func verifierOf(t testing.TB, form string, secrets ...string) (verifier, error) {
	t.Helper()
	values, refs := map[string]string{}, make([]string, len(secrets))
	for i, secret := range secrets {
		name := fmt.Sprint("SECRET_", i)
		values[name], refs[i] = secret, "{env: "+name+"}"
	}
	f, err := configfile.Read("runwith.yaml", `jobs: {build: {}}
triggers: {hook: {type: webhook, job: build, key: /data/id, secret: [`+strings.Join(refs, ", ")+`], `+form+`}}`,
		func(s configfile.Secret) (string, error) { return values[s.Env], nil })
	if err != nil {
		t.Fatal(err)
	}
	return newVerifier(f.Triggers["hook"])
}

func mustVerifier(t testing.TB, form string, secrets ...string) verifier {
	t.Helper()
	v, err := verifierOf(t, form, secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

const (
	github   = "preset: github"
	standard = "preset: standard"
	generic  = `signature: {header: X-Sign, prefix: "v0=", encoding: base64, signed: id.timestamp.body, idHeader: X-Id, timestampHeader: X-Time, tolerance: 1m}`
	plain    = `signature: {header: X-Sign}`
)

func headers(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

func standardHeaders(id string, at int64, signature string) http.Header {
	return headers("webhook-id", id, "webhook-timestamp", strconv.FormatInt(at, 10), "webhook-signature", signature)
}

func hmacOf(secret, content string) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(content))
	return mac.Sum(nil)
}

func TestGoldenSignatures(t *testing.T) {
	t.Parallel()
	sixteen := strings.Repeat("k", 16)
	now := sentAt()
	stamp := strconv.FormatInt(now.Unix(), 10)
	inBase64 := base64.StdEncoding.EncodeToString
	for name, test := range map[string]struct {
		form   string
		secret string
		header http.Header
		body   string
		id     string
	}{
		"GitHub":             {github, githubSecret, headers("X-Hub-Signature-256", githubGolden, "X-GitHub-Delivery", "d-1"), githubBody, "d-1"},
		"GitHub, upper case": {github, githubSecret, headers("X-Hub-Signature-256", "sha256="+strings.ToUpper(githubGolden[7:])), githubBody, ""},
		"Standard Webhooks":  {standard, standardSecret, standardHeaders("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, standardGolden), standardBody, "msg_p5jXN8AQM9LWM0D4loKWxJek"},
		"one of several":     {standard, standardSecret, standardHeaders("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, "v1,AAAA v2,x v1a,"+inBase64(make([]byte, 64))+" "+standardGolden), standardBody, "msg_p5jXN8AQM9LWM0D4loKWxJek"},
		"generic":            {generic, sixteen, headers("X-Sign", "v0="+inBase64(hmacOf(sixteen, "e1."+stamp+".body")), "X-Id", "e1", "X-Time", stamp), "body", "e1"},
		"only the body":      {plain, sixteen, headers("X-Sign", hex.EncodeToString(hmacOf(sixteen, ""))), "", ""},
	} {
		id, err := mustVerifier(t, test.form, test.secret).verify(test.header, []byte(test.body), now)
		if err != nil || id != test.id {
			t.Errorf("%s: verify() = %q, %v, want %q", name, id, err, test.id)
		}
	}
}

// The official library signs, and an asymmetric key does.
func TestOfficialSigner(t *testing.T) {
	t.Parallel()
	wh, err := standardwebhooks.NewWebhook(standardSecret)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	one, err := wh.Sign("msg_1", now, []byte(standardBody))
	if err != nil {
		t.Fatal(err)
	}
	public, private, _ := ed25519.GenerateKey(nil)
	content := fmt.Sprintf("msg_1.%d.%s", now.Unix(), standardBody)
	other := "v1a," + base64.StdEncoding.EncodeToString(ed25519.Sign(private, []byte(content)))
	for secret, good := range map[string]string{standardSecret: one, "whpk_" + base64.StdEncoding.EncodeToString(public): other} {
		v := mustVerifier(t, standard, secret)
		if id, err := v.verify(standardHeaders("msg_1", now.Unix(), good), []byte(standardBody), now); id != "msg_1" || err != nil {
			t.Errorf("verify(%s) = %q, %v", good, id, err)
		}
		if _, err := v.verify(standardHeaders("msg_1", now.Unix(), good), []byte(standardBody+" "), now); runwith.CodeOf(err) != runwith.Unauthenticated {
			t.Errorf("verify() of another body = %v", err)
		}
	}
}

// Both secrets count while one replaces the other, and neither does once it is removed.
func TestRotation(t *testing.T) {
	t.Parallel()
	older, newer := strings.Repeat("a", 16), strings.Repeat("b", 16)
	signed := func(by string) http.Header {
		return headers("X-Hub-Signature-256", "sha256="+hex.EncodeToString(hmacOf(by, githubBody)))
	}
	for _, test := range []struct {
		secrets []string
		by      string
		ok      bool
	}{
		{[]string{older}, older, true},
		{[]string{older}, newer, false},
		{[]string{older, newer}, older, true},
		{[]string{older, newer}, newer, true},
		{[]string{newer}, older, false},
	} {
		_, err := mustVerifier(t, github, test.secrets...).verify(signed(test.by), []byte(githubBody), time.Now())
		if (err == nil) != test.ok {
			t.Errorf("signed by %s, secrets %v: %v", test.by, test.secrets, err)
		}
	}
}

func TestForgedSignatures(t *testing.T) {
	t.Parallel()
	const id = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	at := sentAt().Unix()
	sixteen, stamp := strings.Repeat("k", 16), strconv.FormatInt(at, 10)
	proof := "v0=" + base64.StdEncoding.EncodeToString(hmacOf(sixteen, "e1."+stamp+".body"))
	var many []string
	for range 17 {
		many = append(many, standardGolden)
	}
	for name, test := range map[string]struct {
		form, secret string
		header       http.Header
		body, want   string
	}{
		"missing":            {github, githubSecret, headers(), githubBody, "X-Hub-Signature-256 is missing: set the trigger's secret"},
		"SHA-1 alone":        {github, githubSecret, headers("X-Hub-Signature", "sha1=x"), githubBody, "X-Hub-Signature-256 is missing"},
		"other secret":       {github, githubSecret + "!", headers("X-Hub-Signature-256", githubGolden), githubBody, "no secret of the trigger has made this signature"},
		"other body":         {github, githubSecret, headers("X-Hub-Signature-256", githubGolden), githubBody + "\n", "no secret of the trigger"},
		"truncated":          {github, githubSecret, headers("X-Hub-Signature-256", githubGolden[:len(githubGolden)-2]), githubBody, "has 31 bytes, and an HMAC-SHA256 has 32"},
		"half a byte":        {github, githubSecret, headers("X-Hub-Signature-256", githubGolden[:len(githubGolden)-1]), githubBody, "is not written as"},
		"empty":              {github, githubSecret, headers("X-Hub-Signature-256", "sha256="), githubBody, "has 0 bytes"},
		"no prefix":          {github, githubSecret, headers("X-Hub-Signature-256", githubGolden[7:]), githubBody, "must begin with sha256="},
		"base64 for hex":     {github, githubSecret, headers("X-Hub-Signature-256", "sha256="+base64.StdEncoding.EncodeToString(hmacOf(githubSecret, githubBody))), githubBody, "is not written as"},
		"twice":              {github, githubSecret, headers("X-Hub-Signature-256", githubGolden, "X-Hub-Signature-256", githubGolden), githubBody, "occurs more than once"},
		"two IDs":            {github, githubSecret, headers("X-Hub-Signature-256", githubGolden, "X-GitHub-Delivery", "1", "X-GitHub-Delivery", "2"), githubBody, "X-Github-Delivery occurs more than once"},
		"other ID":           {standard, standardSecret, standardHeaders("msg_2", at, standardGolden), standardBody, "no secret of the trigger"},
		"other time":         {standard, standardSecret, standardHeaders(id, at+1, standardGolden), standardBody, "no secret of the trigger"},
		"other version":      {standard, standardSecret, standardHeaders(id, at, "v1a"+standardGolden[2:]), standardBody, "no secret of the trigger"},
		"unknown version":    {standard, standardSecret, standardHeaders(id, at, "v9"+standardGolden[2:]), standardBody, "has no signature such as v1,BASE64"},
		"no version":         {standard, standardSecret, standardHeaders(id, at, standardGolden[3:]), standardBody, "has no signature such as"},
		"too many":           {standard, standardSecret, standardHeaders(id, at, strings.Join(many, " ")), standardBody, "has 17 signatures"},
		"no ID":              {standard, standardSecret, standardHeaders("", at, standardGolden), standardBody, "Webhook-Id is missing"},
		"two times":          {standard, standardSecret, headers("webhook-id", id, "webhook-timestamp", "1", "webhook-timestamp", "2", "webhook-signature", standardGolden), standardBody, "occurs more than once"},
		"no time":            {standard, standardSecret, headers("webhook-id", id, "webhook-signature", standardGolden), standardBody, "Webhook-Timestamp is missing"},
		"time in RFC 3339":   {generic, sixteen, headers("X-Sign", proof, "X-Id", "e1", "X-Time", "2021-02-25T15:02:10Z"), "body", "must be the number of seconds"},
		"parts moved to ID":  {generic, sixteen, headers("X-Sign", "v0="+base64.StdEncoding.EncodeToString(hmacOf(sixteen, "e1."+stamp+"."+stamp+".x")), "X-Id", "e1."+stamp, "X-Time", stamp), "x", "must not have dots"},
		"empty without data": {plain, sixteen, headers("X-Sign", ""), "", "X-Sign is missing"},
	} {
		_, err := mustVerifier(t, test.form, test.secret).verify(test.header, []byte(test.body), sentAt())
		switch {
		case err == nil:
			t.Errorf("%s: the signature was accepted", name)
		case !strings.Contains(err.Error(), test.want):
			t.Errorf("%s: error %q, want %q", name, err, test.want)
		case strings.Contains(err.Error(), test.secret):
			t.Errorf("%s: the error has the secret", name)
		}
	}
}

// A clock that is five minutes off is allowed, and a second more is not. The error says by how
// much the clocks differ.
func TestSignatureTolerance(t *testing.T) {
	t.Parallel()
	v := mustVerifier(t, standard, standardSecret)
	h := standardHeaders("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, standardGolden)
	for off, want := range map[time.Duration]string{
		5 * time.Minute:                "",
		-5 * time.Minute:               "",
		5*time.Minute + time.Second:    "was sent 5m1s before the time of this server (2021-02-25T15:07:11Z), and at most 5m0s is allowed",
		-5*time.Minute - time.Second:   "was sent 5m1s after the time of this server",
		3 * time.Hour:                  "was sent 3h0m0s before",
		-50 * 365 * 24 * time.Hour:     "is more than a year off",
		100 * 365 * 24 * time.Hour:     "is more than a year off",
		4*time.Minute + 59*time.Second: "",
	} {
		_, err := v.verify(h, []byte(standardBody), sentAt().Add(off))
		if (err == nil) != (want == "") {
			t.Errorf("%v off: error = %v, want %q", off, err, want)
		}
		if err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%v off: error = %v, want %q in it", off, err, want)
		}
		if err != nil && runwith.CodeOf(err) != runwith.Unauthenticated {
			t.Errorf("%v off: error = %v, want UNAUTHENTICATED", off, err)
		}
	}
	for _, at := range []int64{1 << 62, -1 << 62, 1614265330000} {
		signed := standardHeaders("a", at, "v1,"+base64.StdEncoding.EncodeToString(hmacOf(mustDecode(t, standardSecret), fmt.Sprintf("a.%d.", at))))
		if _, err := v.verify(signed, nil, sentAt()); err == nil || !strings.Contains(err.Error(), "seconds since 1970") {
			t.Errorf("time %d: %v", at, err)
		}
	}
}

func mustDecode(t *testing.T, secret string) string {
	t.Helper()
	bare, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	return string(bare)
}

func TestWeakSecrets(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ form, secret, want string }{
		"short":            {github, "canary123456789", "secret[1]: must have at least 16 bytes"},
		"short, generic":   {plain, "canary", "at least 16 bytes"},
		"no prefix":        {standard, "canaryMfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "must be whsec_"},
		"short, standard":  {standard, "whsec_canary==", "24 to 64 bytes"},
		"short public key": {standard, "whpk_canary==", "32 bytes"},
		"private key":      {standard, "whsk_" + strings.Repeat("A", 43) + "=", "must be whsec_"},
	} {
		good := githubSecret
		if test.form == standard {
			good = standardSecret
		}
		_, err := verifierOf(t, test.form, good, test.secret)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v, want an error with %q and without the secret", name, err, test.want)
		}
	}
}

// A file can be checked where its secrets are not. Such a verifier accepts nothing.
func TestUnreadSecret(t *testing.T) {
	t.Parallel()
	f, err := configfile.Read("runwith.yaml", "jobs: {build: {}}\ntriggers: {hook: {type: webhook, preset: github, job: build, secret: {file: a}}}", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := Check(f); err != nil {
		t.Errorf("Check() = %v", err)
	}
	v, err := newVerifier(f.Triggers["hook"])
	if err != nil {
		t.Fatal(err)
	}
	h := headers("X-Hub-Signature-256", "sha256="+hex.EncodeToString(hmacOf("", githubBody)))
	if _, err := v.verify(h, []byte(githubBody), time.Now()); runwith.CodeOf(err) != runwith.Unauthenticated {
		t.Errorf("verify() without a secret = %v, want UNAUTHENTICATED", err)
	}
}

// FuzzSignature checks that no header makes an unsigned body acceptable.
func FuzzSignature(f *testing.F) {
	at := strconv.FormatInt(sentAt().Unix(), 10)
	f.Add(githubGolden, "id", at, []byte(githubBody+"!"))
	f.Add(standardGolden, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, []byte(standardBody+"!"))
	f.Add("v1, v1,= v1a,AAAA", "a.b", "-1", []byte(""))
	f.Add("v0=", "", "99999999999999999999", []byte("x"))
	sixteen := strings.Repeat("k", 16)
	forms := map[string]string{github: githubSecret, standard: standardSecret, generic: sixteen, plain: sixteen}
	verifiers := map[string]verifier{}
	for form, secret := range forms {
		verifiers[form] = mustVerifier(f, form, secret)
	}
	f.Fuzz(func(t *testing.T, signature, id, stamp string, body []byte) {
		h := headers("X-Hub-Signature-256", signature, "webhook-signature", signature, "X-Sign", signature,
			"webhook-id", id, "X-Id", id, "webhook-timestamp", stamp, "X-Time", stamp)
		for form, v := range verifiers {
			if _, err := v.verify(h, body, sentAt()); err == nil && !strings.Contains(signature, hex.EncodeToString(hmacOf(forms[form], string(body)))) {
				t.Errorf("%s: signature %q of %q was accepted", form, signature, body)
			}
		}
	})
}
