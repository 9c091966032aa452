package trigger_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cause"
	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/trigger"
)

const (
	jsonType = "Content-Type: application/json"
	pushed   = `{"message":{"attributes":{"tenant":"acme"},"messageId":"1","publishTime":"2026-11-28T09:59:00Z"},"subscription":"projects/p/subscriptions/s"}`
)

// event returns the headers of a CloudEvent.
func cloudEvent(more ...string) []string {
	return append([]string{jsonType, "ce-specversion: 1.0", "ce-type: com.example.order.created", "ce-source: /shop", "ce-id: 1", "ce-tenant: acme"}, more...)
}

// without returns headers without those that begin with a text.
func without(headers []string, prefix string) (left []string) {
	for _, h := range headers {
		if !strings.HasPrefix(h, prefix) {
			left = append(left, h)
		}
	}
	return left
}

// TestRefused sends what can never start a job: it is stored and acknowledged.
func TestRefused(t *testing.T) {
	canary := "canary-4711"
	object := func(fields string) request {
		return request{trigger: "uploads", headers: append(without(cloudEvent(), "ce-type"), "ce-type: google.cloud.storage.object.v1.finalized"), body: fields}
	}
	bare := func(data string) request {
		return request{trigger: "bare", headers: []string{"X-Goog-Pubsub-Message-Id: 1", "X-Goog-Pubsub-Subscription-Name: s"}, body: data}
	}
	for name, test := range map[string]struct {
		request
		code, want string
	}{
		"no envelope":              {request{"messages", []string{jsonType}, canary, "", ""}, "INVALID_ARGUMENT", "the body is not JSON, and Pub/Sub sends an envelope"},
		"nothing":                  {request{"messages", []string{jsonType}, "", "", ""}, "INVALID_ARGUMENT", "the body is not JSON"},
		"list":                     {request{"messages", []string{jsonType}, "[]", "", ""}, "INVALID_ARGUMENT", "the body is not a JSON object"},
		"no message":               {request{"messages", []string{jsonType}, `{"subscription":"s"}`, "", ""}, "INVALID_ARGUMENT", "message is missing or is not an object"},
		"message is text":          {request{"messages", []string{jsonType}, `{"message":"canary-4711"}`, "", ""}, "INVALID_ARGUMENT", "message is missing or is not an object"},
		"data is no base64":        {request{"messages", []string{jsonType}, `{"message":{"data":"canary-4711!"}}`, "", ""}, "INVALID_ARGUMENT", "message.data is not base64"},
		"data is a number":         {request{"messages", []string{jsonType}, `{"message":{"data":4711}}`, "", ""}, "INVALID_ARGUMENT", "message.data is not text"},
		"attributes are a list":    {request{"messages", []string{jsonType}, `{"message":{"attributes":[]}}`, "", ""}, "INVALID_ARGUMENT", "message.attributes is missing or is not an object"},
		"attribute is a number":    {request{"messages", []string{jsonType}, `{"message":{"attributes":{"a":1}}}`, "", ""}, "INVALID_ARGUMENT", "message.attributes has a value that is not text"},
		"two IDs":                  {request{"messages", []string{jsonType}, `{"message":{"messageId":"1","message_id":"2"},"subscription":"s"}`, "", ""}, "INVALID_ARGUMENT", "message.messageId and message.message_id differ"},
		"name occurs twice":        {request{"messages", []string{jsonType}, `{"message":{"messageId":"1"},"message":{"messageId":"2"},"subscription":"s"}`, "", ""}, "INVALID_ARGUMENT", "a name that occurs twice"},
		"text after it":            {request{"messages", []string{jsonType}, pushed + "{}", "", ""}, "INVALID_ARGUMENT", "has text after its JSON"},
		"not UTF-8":                {request{"messages", []string{jsonType}, "{\"a\":\"\xff\"}", "", ""}, "INVALID_ARGUMENT", "is not UTF-8"},
		"nested too deep":          {request{"messages", []string{jsonType}, strings.Repeat("[", 1000) + strings.Repeat("]", 1000), "", ""}, "INVALID_ARGUMENT", "is nested too deep"},
		"too many values":          {request{"large", []string{jsonType}, "[" + strings.Repeat("1,", 200_000) + "1]", "", ""}, "INVALID_ARGUMENT", "has too many values"},
		"no identity":              {request{"messages", []string{jsonType}, `{"message":{"attributes":{"tenant":"a"}}}`, "", ""}, "INVALID_ARGUMENT", "the event has no identity of its own: set key (triggers.messages.key)"},
		"time is none":             {request{"messages", []string{jsonType}, strings.Replace(pushed, "2026-11-28T09:59:00Z", "yesterday", 1), "", ""}, "INVALID_ARGUMENT", "message.publishTime is not a time in RFC 3339"},
		"older than its key":       {request{"messages", []string{jsonType}, strings.Replace(pushed, "2026-11-28", "2026-10-27", 1), "", ""}, "FAILED_PRECONDITION", "the event is 32 days old, and events older than 31 are refused"},
		"of the year 0":            {request{"messages", []string{jsonType}, strings.Replace(pushed, "2026-11-28", "0000-11-28", 1), "", ""}, "FAILED_PRECONDITION", "the event is 739981 days old"},
		"half a surrogate pair":    {request{"messages", []string{jsonType}, strings.Replace(pushed, `"1"`, `"\ud800"`, 1), "", ""}, "INVALID_ARGUMENT", "has an escape that is half of a pair of surrogates"},
		"two low surrogates":       {request{"messages", []string{jsonType}, strings.Replace(pushed, `"1"`, `"\uDC00\udc01"`, 1), "", ""}, "INVALID_ARGUMENT", "has an escape that is half of a pair of surrogates"},
		"surrogate and a letter":   {request{"messages", []string{jsonType}, strings.Replace(pushed, `"1"`, `"\ud800\\udc00"`, 1), "", ""}, "INVALID_ARGUMENT", "has an escape that is half of a pair of surrogates"},
		"data has a name twice":    {bare(`{"tenant":"canary-4711","tenant":"b"}`), "INVALID_ARGUMENT", "nothing at /data/tenant, and there is no default; data counts as text, because it has an object with a name that occurs twice"},
		"data has many values":     {bare("[" + strings.Repeat("1,", 200_000) + "1]"), "INVALID_ARGUMENT", "data counts as text, because it has too many values"},
		"data is cut off":          {bare(` {"tenant":"canary-4711`), "INVALID_ARGUMENT", "data counts as text, because it is not JSON"},
		"data has half a pair":     {bare(`{"tenant":"\ud800"}`), "INVALID_ARGUMENT", "data counts as text, because it has an escape that is half"},
		"key into data cut off":    {request{"keyed", []string{jsonType}, strings.Replace(pushed, `"attributes"`, `"data":"`+base64.StdEncoding.EncodeToString([]byte("{"))+`","attributes"`, 1), "", ""}, "INVALID_ARGUMENT", "key: the event has nothing at /data/id; data counts as text, because it is not JSON"},
		"from the future":          {request{"messages", []string{jsonType}, strings.Replace(pushed, "2026-11-28", "2026-11-30", 1), "", ""}, "FAILED_PRECONDITION", "more than a day ahead"},
		"mapping finds nothing":    {request{"messages", []string{jsonType}, strings.Replace(pushed, "tenant", "tenand", 1), "", ""}, "INVALID_ARGUMENT", "map.tenant: the event has nothing at /attributes/tenant, and there is no default"},
		"mapping finds an object":  {request{"texts", []string{jsonType}, `{"message":{"data":"` + base64.StdEncoding.EncodeToString([]byte(`{"a":"canary-4711"}`)) + `","messageId":"1"},"subscription":"s"}`, "", ""}, "INVALID_ARGUMENT", "map.tenant: the event's value at /data is an object or a list"},
		"mapping finds no number":  {request{"messages", []string{jsonType}, `{"message":{"data":"` + base64.StdEncoding.EncodeToString([]byte(`{"count":"canary-4711"}`)) + `","attributes":{"tenant":"a"},"messageId":"1"},"subscription":"s"}`, "", ""}, "INVALID_ARGUMENT", "map.count: the event's value at /data/count is not a number"},
		"binary data":              {request{"texts", []string{jsonType}, `{"message":{"data":"/w==","messageId":"1"},"subscription":"s"}`, "", ""}, "INVALID_ARGUMENT", "the event has nothing at /data"},
		"key finds nothing":        {request{"keyed", []string{jsonType}, pushed, "", ""}, "INVALID_ARGUMENT", "key: the event has nothing at /data/id"},
		"unwrapped without ID":     {request{"bare", []string{"Message-Id: 1"}, `{"tenant":"a"}`, "", ""}, "INVALID_ARGUMENT", "the event has no identity"},
		"unwrapped with two IDs":   {request{"bare", []string{"x-goog-pubsub-message-id: 1", "x-goog-pubsub-message-id: 2"}, `{"tenant":"a"}`, "", ""}, "INVALID_ARGUMENT", "the header X-Goog-Pubsub-Message-Id occurs more than once"},
		"no CloudEvent":            {request{"orders", []string{jsonType}, "{}", "", ""}, "INVALID_ARGUMENT", "the attribute specversion is missing: this is not a CloudEvent"},
		"CloudEvent without ID":    {request{"orders", without(cloudEvent(), "ce-id"), "{}", "", ""}, "INVALID_ARGUMENT", "the attribute id is missing"},
		"CloudEvent with two IDs":  {request{"orders", cloudEvent("ce-id: 2"), "{}", "", ""}, "INVALID_ARGUMENT", "the header Ce-Id occurs more than once"},
		"two content types":        {request{"orders", cloudEvent("Content-Type: text/plain"), "{}", "", ""}, "INVALID_ARGUMENT", "the header Content-Type occurs more than once"},
		"CloudEvent of 0.3":        {request{"orders", append(without(cloudEvent(), "ce-spec"), "ce-specversion: 0.3"), "{}", "", ""}, "INVALID_ARGUMENT", "specversion must be 1.0"},
		"batch":                    {request{"orders", []string{"Content-Type: application/cloudevents-batch+json"}, "[]", "", ""}, "INVALID_ARGUMENT", "application/cloudevents-batch+json holds several events"},
		"another format":           {request{"orders", []string{"Content-Type: application/cloudevents+avro"}, "x", "", ""}, "INVALID_ARGUMENT", "application/cloudevents+avro is not supported"},
		"data is no JSON":          {request{"orders", cloudEvent(), "{canary-4711", "", ""}, "INVALID_ARGUMENT", "data has the type application/json, but it is not JSON"},
		"bad percent encoding":     {request{"orders", append(without(cloudEvent(), "ce-tenant"), "ce-tenant: %zz"), "{}", "", ""}, "INVALID_ARGUMENT", "the header Ce-Tenant is not percent-encoded UTF-8"},
		"data in both forms":       {request{"orders", []string{"Content-Type: application/cloudevents+json"}, `{"specversion":"1.0","id":"1","source":"s","type":"t","data":1,"data_base64":"MQ=="}`, "", ""}, "INVALID_ARGUMENT", "data and data_base64 exclude each other"},
		"event of another service": {object(`{}`), "INVALID_ARGUMENT", "data.bucket is missing"},
		"generation is a number":   {object(`{"bucket":"b","name":"n","generation":12}`), "INVALID_ARGUMENT", "data.generation is not text"},
		"not of Cloud Storage":     {request{"uploads", cloudEvent(), "{}", "", ""}, "INVALID_ARGUMENT", "the event's type is not one of Cloud Storage"},
		"no request of Scheduler":  {request{"nightly", []string{jsonType}, "{}", "", ""}, "INVALID_ARGUMENT", "X-CloudScheduler-ScheduleTime is missing"},
		"Scheduler with two jobs":  {request{"nightly", []string{"X-CloudScheduler-JobName: a", "X-CloudScheduler-JobName: b", "X-CloudScheduler-ScheduleTime: 2026-11-28T02:00:00Z"}, "", "", ""}, "INVALID_ARGUMENT", "occurs more than once"},
		"no request of Tasks":      {request{"queue", []string{jsonType, "X-CloudTasks-QueueName: q"}, "{}", "", ""}, "INVALID_ARGUMENT", "X-CloudTasks-TaskName are missing"},
		"too large":                {request{"small", []string{jsonType}, strings.Repeat(canary, 100), "", ""}, "INVALID_ARGUMENT", "the event is larger than 200 bytes: raise maxBody (triggers.small.maxBody)"},
		"too large once expanded":  {request{"small", []string{jsonType, "Content-Encoding: gzip"}, gzipped(t, strings.Repeat(" ", 100_000)), "", ""}, "INVALID_ARGUMENT", "larger than 200 bytes"},
		"not gzip":                 {request{"messages", []string{jsonType, "Content-Encoding: gzip"}, pushed, "", ""}, "INVALID_ARGUMENT", "is not complete gzip"},
		"unknown encoding":         {request{"messages", []string{jsonType, "Content-Encoding: br"}, pushed, "", ""}, "INVALID_ARGUMENT", "must be gzip or left out"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			got := h.send(t, test.request)
			if got.Status != http.StatusOK {
				t.Errorf("status = %d, want 200, which acknowledges the event", got.Status)
			}
			if got.Outcome != "refused" {
				t.Errorf("outcome = %s, want refused", got.Outcome)
			}
			if got.Code != test.code {
				t.Errorf("code = %s, want %s", got.Code, test.code)
			}
			if !strings.Contains(got.Detail, test.want) {
				t.Errorf("detail = %q, want %q in it", got.Detail, test.want)
			}
			if len(h.starter.launches) > 0 {
				t.Errorf("it has started %+v", h.starter.launches)
			}
			if len(h.events.all) != 1 {
				t.Fatalf("%d refused events are stored, want 1", len(h.events.all))
			}
			e := h.events.all[0]
			for _, field := range []struct{ name, got, want string }{
				{"ID", e.ID, got.Event}, {"code", e.Code, test.code}, {"message", e.Message, got.Detail},
				{"caller", e.Caller, "google"}, {"trigger", e.Trigger, test.trigger},
			} {
				if field.got != field.want {
					t.Errorf("stored event: %s = %q, want %q", field.name, field.got, field.want)
				}
			}
			if strings.Contains(e.Message+h.log.String(), canary) {
				t.Errorf("the reason or the log has a value of the event: %s", h.log.String())
			}
			unread := strings.HasPrefix(name, "too large") || name == "not gzip" || name == "unknown encoding"
			if unread == e.Whole() && len(test.body) <= ledger.MaxEventBody {
				t.Errorf("body of %d bytes, size %d: want it whole unless it could not be read", len(e.Body), e.Size)
			}
		})
	}
}

func gzipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(text))
	w.Close()
	return b.String()
}

func TestCompressed(t *testing.T) {
	h := newHouse(t)
	if got := h.send(t, request{trigger: "messages", headers: []string{jsonType, "Content-Encoding: gzip"}, body: gzipped(t, pushed)}); got.Outcome != "accepted" {
		t.Errorf("answer = %+v, want accepted", got)
	}
}

// TestLargeMessage sends the largest message of Pub/Sub, which has 10 MB before it is base64.
func TestLargeMessage(t *testing.T) {
	h := newHouse(t)
	body := `{"message":{"data":"` + base64.StdEncoding.EncodeToString(make([]byte, 10_000_000)) + `","messageId":"1"},"subscription":"s"}`
	if got := h.send(t, request{trigger: "large", headers: []string{jsonType}, body: body}); got.Outcome != "accepted" {
		t.Errorf("answer = %+v, want accepted", got)
	}
	if got := h.send(t, request{trigger: "open", caller: "-", headers: []string{jsonType}, body: body}); got.Outcome != "refused" || !strings.Contains(got.Detail, "1048576 bytes") {
		t.Errorf("answer without maxBody = %+v, want it refused", got)
	}
}

// TestDenied sends requests whose sender may not send events. They are never stored.
func TestDenied(t *testing.T) {
	for name, test := range map[string]struct {
		request
		status int
		want   string
	}{
		"forged credential":     {request{trigger: "messages", caller: "forged"}, 401, "the signature is wrong"},
		"forged, unknown name":  {request{trigger: "nothing", caller: "forged"}, 401, "the signature is wrong"},
		"unknown trigger":       {request{trigger: "nothing"}, 404, `there is no trigger "nothing" for caller google`},
		"caller is not listed":  {request{trigger: "messages", caller: "other"}, 404, `there is no trigger "messages" for caller other`},
		"nobody":                {request{trigger: "messages", caller: "-"}, 404, `there is no trigger "messages" for caller anonymous`},
		"odd name":              {request{trigger: "a%22b"}, 404, "there is no trigger"},
		"GET":                   {request{trigger: "messages", method: http.MethodGet}, 405, "a trigger takes no GET"},
		"page of another site":  {request{trigger: "open", caller: "-", headers: []string{jsonType, "Origin: https://page.example"}}, 403, "origin"},
		"page of another fetch": {request{trigger: "open", caller: "-", headers: []string{jsonType, "Sec-Fetch-Site: cross-site"}}, 403, "web page of another origin"},
		"text of a page":        {request{trigger: "open", caller: "-", headers: []string{"Content-Type: text/plain"}, body: pushed}, 415, "a web page could send that"},
		"form of a page":        {request{trigger: "open", caller: "-", headers: []string{"Content-Type: application/x-www-form-urlencoded"}, body: pushed}, 415, "a web page could send that"},
		"no type":               {request{trigger: "open", caller: "-", body: pushed}, 415, "a web page could send that"},
		"page and local user":   {request{trigger: "messages", caller: "local", headers: []string{"Content-Type: text/plain"}, body: pushed}, 415, "a web page could send that"},
		"page to Scheduler":     {request{trigger: "nightly", caller: "local", headers: []string{"Content-Type: text/plain"}, body: "{}"}, 415, "a web page could send that"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			got := h.send(t, test.request)
			if got.Status != test.status || !strings.Contains(got.Detail, test.want) && got.header.Get("Content-Type") == "application/problem+json" {
				t.Errorf("answer = %+v, want %d: %s", got, test.status, test.want)
			}
			if len(h.events.all)+len(h.starter.launches) > 0 {
				t.Error("it is stored, or has started a job")
			}
			if challenge := got.header.Get("WWW-Authenticate"); (test.status == 401) != (challenge != "") {
				t.Errorf("WWW-Authenticate = %q", challenge)
			}
		})
	}
}

// TestSenders sends requests whose sender may.
func TestSenders(t *testing.T) {
	for name, q := range map[string]request{
		"anonymous":          {trigger: "open", caller: "-", headers: []string{jsonType}, body: pushed},
		"local user":         {trigger: "messages", caller: "local", headers: []string{jsonType}, body: pushed},
		"local, of any type": {trigger: "orders", caller: "local", headers: append(without(cloudEvent(), "Content"), "Content-Type: text/plain"), body: "text"},
		"local, no body":     {trigger: "nightly", caller: "local", headers: []string{"X-CloudScheduler-ScheduleTime: 2026-11-28T02:00:00Z"}},
		"caller, no type":    {trigger: "messages", body: pushed},
	} {
		if got := newHouse(t).send(t, q); got.Outcome != "accepted" {
			t.Errorf("%s: answer = %+v, want accepted", name, got)
		}
	}
}

// TestFailures lets the start fail.
func TestFailures(t *testing.T) {
	fails := func(code runwith.Code, err error) error { return &runwith.Error{Code: code, Message: "why", Err: err} }
	for name, test := range map[string]struct {
		err        error
		status     int
		retryAfter string
		stored     bool
	}{
		"no such job":           {fails(runwith.NotFound, nil), 200, "", true},
		"bad parameters":        {fails(runwith.InvalidArgument, cause.Parameters), 200, "", true},
		"key of another":        {fails(runwith.AlreadyExists, cause.KeyReused), 200, "", true},
		"job not usable":        {fails(runwith.FailedPrecondition, nil), 200, "", true},
		"budget used up":        {fails(runwith.ResourceExhausted, errors.Join(cause.BudgetExhausted, cause.RetryAfter(time.Hour))), 200, "", true},
		"rebuild":               {fails(runwith.Unavailable, cause.RetryAfter(3*time.Second)), 503, "3", false},
		"rates":                 {fails(runwith.ResourceExhausted, cause.RetryAfter(2*time.Second)), 429, "2", false},
		"disk full":             {fails(runwith.ResourceExhausted, cause.DiskFull), 503, "1", false},
		"slots full":            {fails(runwith.Aborted, nil), 429, "1", false},
		"too slow":              {fails(runwith.DeadlineExceeded, nil), 503, "1", false},
		"bug":                   {errors.New("secret cause"), 503, "1", false},
		"permission of ours":    {fails(runwith.PermissionDenied, nil), 503, "1", false},
		"credential of our own": {fails(runwith.Unauthenticated, nil), 503, "1", false},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.starter.err = test.err
			got := h.send(t, request{trigger: "messages", headers: []string{jsonType}, body: pushed})
			if got.Status != test.status || got.header.Get("Retry-After") != test.retryAfter || len(h.events.all) == 1 != test.stored {
				t.Errorf("answer = %+v (%s), %d stored", got, got.header.Get("Retry-After"), len(h.events.all))
			}
			if test.stored && h.events.all[0].Event != "projects/p/subscriptions/s#1" {
				t.Errorf("stored = %+v, want the identity of the event", h.events.all[0])
			}
			if strings.Contains(got.Detail, "secret cause") {
				t.Error("the answer shows the cause of a bug")
			}
			h.starter.err = nil
			if again := h.send(t, request{trigger: "messages", headers: []string{jsonType}, body: pushed}); again.Outcome != "accepted" {
				t.Errorf("once it works, the answer is %+v", again)
			}
		})
	}
}

func TestNack(t *testing.T) {
	h := newHouse(t)
	got := h.send(t, request{trigger: "nacking", headers: []string{jsonType}, body: strings.Replace(pushed, "tenant", "tenand", 1)})
	if got.Status != http.StatusUnprocessableEntity || len(h.events.all) != 1 {
		t.Errorf("answer = %+v, %d stored, want 422 and 1", got, len(h.events.all))
	}
}

// TestNackOfBudget tells a source that tries again when the budget has room again.
func TestNackOfBudget(t *testing.T) {
	h := newHouse(t)
	h.starter.err = &runwith.Error{Code: runwith.ResourceExhausted, Err: fmt.Errorf("%w: %w", cause.BudgetExhausted, cause.RetryAfter(time.Hour))}
	got := h.send(t, request{trigger: "nacking", headers: []string{jsonType}, body: pushed})
	if got.Status != http.StatusTooManyRequests || got.header.Get("Retry-After") != "3600" || len(h.events.all) != 1 {
		t.Errorf("answer = %+v, Retry-After %q, %d stored, want 429 after an hour, and 1", got, got.header.Get("Retry-After"), len(h.events.all))
	}
}

// TestRefusalThatCannotBeStored is one that must come back.
func TestRefusalThatCannotBeStored(t *testing.T) {
	h := newHouse(t)
	h.events.fail = &runwith.Error{Code: runwith.ResourceExhausted, Err: cause.DiskFull, Message: "the disk is full"}
	if got := h.send(t, request{trigger: "messages", headers: []string{jsonType}, body: "{}"}); got.Status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
		t.Errorf("answer = %+v, want 503 with Retry-After", got)
	}
}

// TestRetry starts the job for a refused event after the mistake is corrected.
func TestRetry(t *testing.T) {
	for name, q := range map[string]request{
		"pubsub":    {trigger: "messages", headers: []string{jsonType}, body: pushed},
		"too old":   {trigger: "messages", headers: []string{jsonType}, body: strings.Replace(pushed, "2026-11-28", "2020-11-28", 1)},
		"event":     {trigger: "orders", headers: cloudEvent(), body: "{}"},
		"scheduler": {trigger: "nightly", headers: []string{"X-CloudScheduler-ScheduleTime: 2026-11-28T02:00:00Z"}},
		"tasks":     {trigger: "queue", headers: []string{"X-CloudTasks-QueueName: q", "X-CloudTasks-TaskName: t"}, body: `{"tenant":"a"}`},
		"unwrapped": {trigger: "bare", headers: []string{"X-Goog-Pubsub-Message-Id: 1", "X-Goog-Pubsub-Subscription-Name: s"}, body: `{"tenant":"a"}`},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.starter.err = runwith.Errorf(runwith.NotFound, "there is no job")
			if got := h.send(t, q); got.Outcome != "refused" {
				t.Fatalf("answer = %+v, want refused", got)
			}
			h.starter.err = nil
			v, repeats, err := h.Retry(t.Context(), h.events.all[0])
			if err != nil || repeats || len(h.starter.launches) != 1 {
				t.Fatalf("retry = %+v, %v, %v", v, repeats, err)
			}
			if again, repeats, err := h.Retry(t.Context(), h.events.all[0]); err != nil || !repeats || again.ID != v.ID {
				t.Errorf("second retry = %+v, %v, %v, want the first invocation", again, repeats, err)
			}
			if got := h.send(t, q); got.Outcome != "repeated" {
				t.Errorf("another delivery after the retry = %+v, want repeated", got)
			}
		})
	}
}

func TestRetryFails(t *testing.T) {
	h := newHouse(t)
	if _, _, err := h.Retry(t.Context(), ledger.RefusedEvent{Trigger: "gone"}); runwith.CodeOf(err) != runwith.FailedPrecondition {
		t.Errorf("retry for a removed trigger: %v", err)
	}
	if _, _, err := h.Retry(t.Context(), ledger.RefusedEvent{Trigger: "messages", Size: 1 << 20}); runwith.CodeOf(err) != runwith.FailedPrecondition {
		t.Errorf("retry without body: %v", err)
	}
	if _, _, err := h.Retry(t.Context(), ledger.RefusedEvent{Trigger: "messages", Body: []byte("x"), Size: 1}); runwith.CodeOf(err) != runwith.InvalidArgument {
		t.Errorf("retry of a malformed event: %v", err)
	}
}

// TestStrangersFillNoLog has a known caller that sends many requests to a trigger that is not its own.
func TestStrangersFillNoLog(t *testing.T) {
	h := newHouse(t)
	const line = "caller is not one of the trigger's callers"
	for range 50 {
		h.send(t, request{trigger: "messages", caller: "other"})
	}
	if got := strings.Count(h.log.String(), line); got != 10 {
		t.Errorf("50 requests wrote %d lines, want 10", got)
	}
}

// TestUse removes a trigger, and adds it again.
func TestUse(t *testing.T) {
	h := newHouse(t)
	q := request{trigger: "open", caller: "-", headers: []string{jsonType}, body: pushed}
	h.send(t, q)
	h.use(t, "jobs: {plain: {}}")
	if got := h.send(t, q); got.Status != http.StatusNotFound {
		t.Errorf("removed trigger: %+v, want 404", got)
	}
	h.use(t, "jobs: {plain: {}}\ntriggers: {open: {type: pubsub, job: plain, callers: [anonymous], when: {/attributes/tenant: other}}}")
	if got := h.send(t, q); got.Outcome != "ignored" {
		t.Errorf("changed trigger: %+v, want ignored", got)
	}
}

// TestRepeatAfterChange delivers an event again that its trigger can no longer map.
func TestRepeatAfterChange(t *testing.T) {
	const before = "jobs: {plain: {parameters: {tenant: {type: string}}}}\ntriggers: {open: {type: pubsub, job: plain, callers: [anonymous], map: {tenant: /attributes/"
	h := houseOf(t, before+"tenant}}}")
	q := request{trigger: "open", caller: "-", headers: []string{jsonType}, body: pushed}
	first := h.send(t, q)
	h.use(t, before+"customer}}}")
	if got := h.send(t, q); got.Outcome != "repeated" || got.Invocation != first.Invocation || len(h.events.all) > 0 {
		t.Errorf("another delivery = %+v, %d stored, want repeated with the first invocation", got, len(h.events.all))
	}
	q.body = strings.Replace(pushed, `"1"`, `"2"`, 1)
	if got := h.send(t, q); got.Outcome != "refused" {
		t.Errorf("another event = %+v, want refused", got)
	}
	h.starter.err = &runwith.Error{Code: runwith.Unavailable, Message: "the keys are being read back"}
	if got := h.send(t, q); got.Status != http.StatusServiceUnavailable || len(h.events.all) != 1 {
		t.Errorf("before the keys are known = %+v, want 503", got)
	}
}

// TestMetrics counts each outcome.
func TestMetrics(t *testing.T) {
	h := newHouse(t)
	q := request{trigger: "messages", headers: []string{jsonType}, body: pushed}
	h.send(t, q)
	h.send(t, q)
	h.send(t, request{trigger: "messages", headers: []string{jsonType}, body: "{}"})
	h.send(t, request{trigger: "nothing"})
	got := map[string]float64{}
	for _, m := range h.Metrics() {
		samples, err := m.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range samples {
			got[strings.Join(s.Labels, " ")] += s.Value
		}
	}
	for labels, want := range map[string]float64{"messages accepted": 1, "messages repeated": 1, "messages refused": 1, "unknown denied": 1} {
		if got[labels] != want {
			t.Errorf("%s = %v, want %v (%v)", labels, got[labels], want, got)
		}
	}
}

// TestLargeBodiesShareRoom holds bodies that do not end. A body takes as much room as has
// arrived of it.
func TestLargeBodiesShareRoom(t *testing.T) {
	h := newHouse(t)
	server := httptest.NewServer(h.handler)
	defer server.Close()
	end := make(chan struct{})
	defer close(end)
	hold := func(size int) {
		q, _ := http.NewRequest(http.MethodPost, server.URL+"/api/v1/triggers/large", &endless{end: end, left: size})
		q.Header.Set("Authorization", "Bearer google")
		if w, err := http.DefaultClient.Do(q); err == nil {
			w.Body.Close()
		}
	}
	for range 20 {
		go hold(1) // of up to 16 MiB each
	}
	for range 4 {
		go hold(8<<20 - 1)
	}
	eventually.True(t, "four large bodies arrive", func() bool { return h.RoomUsed() > trigger.RoomForBodies-1<<20 })
	got := h.send(t, request{trigger: "large", headers: []string{jsonType}, body: strings.Repeat(" ", 1<<20)})
	if got.Status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
		t.Errorf("a fifth large body = %+v, want 503 with Retry-After", got)
	}
	got = h.send(t, request{trigger: "large", headers: []string{jsonType}, body: pushed})
	if got.Outcome != "accepted" {
		t.Errorf("a small event beside large ones = %+v, want accepted", got)
	}
}

// endless is a body of some spaces, after which it waits.
type endless struct {
	end  chan struct{}
	left int
}

func (b *endless) Read(p []byte) (int, error) {
	if b.left == 0 {
		<-b.end
		return 0, errors.New("gone")
	}
	n := copy(p, bytes.Repeat([]byte(" "), min(len(p), b.left)))
	b.left -= n
	return n, nil
}
