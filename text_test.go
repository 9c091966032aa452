package runwith

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestRequestsAreUTF8(t *testing.T) {
	t.Parallel()
	sent := false
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { sent = true }))
	t.Cleanup(server.Close)
	c, bad := &Client{Server: server.URL}, "x\xffy"
	start := func(r Request) func() error {
		return func() error { _, err := c.Start(t.Context(), "test-job", "key", &r); return err }
	}
	for want, call := range map[string]func() error{
		"args[1]: must be UTF-8 text":               start(Request{Overrides: Overrides{Args: []string{"a", bad}}}),
		"env.A: must be UTF-8 text":                 start(Request{Overrides: Overrides{Env: map[string]string{"A": bad}}}),
		`env."x\xffy": must be UTF-8 text`:          start(Request{Overrides: Overrides{Env: map[string]string{bad: "a"}}}),
		"containers[0].args[0]: must be UTF-8 text": start(Request{Overrides: Overrides{Containers: []ContainerOverride{{Args: []string{bad}}}}}),
		"parameters.tenant: must be UTF-8 text":     start(Request{Parameters: map[string]any{"tenant": bad}}),
		"parameters.tenants[1]: must be UTF-8 text": start(Request{Parameters: map[string]any{"tenants": [2]string{"a", bad}}}),
		"labels.tenant: must be UTF-8 text":         start(Request{Labels: map[string]string{"tenant": bad}}),
		"callback.url: must be UTF-8 text":          start(Request{Callback: &Callback{URL: bad}}),
		"items[0].key: must be UTF-8 text": func() error {
			_, err := c.StartEach(t.Context(), "test-job", []StartItem{{Key: bad}})
			return err
		},
		"items[0].args[0]: must be UTF-8 text": func() error {
			_, err := c.StartEach(t.Context(), "test-job", []StartItem{{Request: Request{Overrides: Overrides{Args: []string{bad}}}}})
			return err
		},
		"overrides.args[0]: must be UTF-8 text": func() error {
			_, err := c.SetSchedule(t.Context(), "nightly", ScheduleSpec{Overrides: &Overrides{Args: []string{bad}}})
			return err
		},
		"decision: must be UTF-8 text": func() error { _, err := c.Resolve(t.Context(), "id", Decision(bad)); return err },
	} {
		err := call()
		if CodeOf(err) != InvalidArgument {
			t.Errorf("%s: code = %v, want %v", want, CodeOf(err), InvalidArgument)
		}
		if err == nil || err.Error() != want {
			t.Errorf("error = %v, want %s", err, want)
		}
	}
	if sent {
		t.Error("a request was sent")
	}
}

// circular is text in JSON. Its fields refer to itself and are not UTF-8.
type circular struct {
	Self *circular
	Name string
}

func newCircular() *circular {
	c := &circular{Name: "x\xff"}
	c.Self = c
	return c
}

func (*circular) MarshalText() ([]byte, error) { return []byte("text"), nil }

// TestEncodeCallsMethods encodes values whose fields are no part of their JSON.
func TestEncodeCallsMethods(t *testing.T) {
	t.Parallel()
	hidden := struct {
		Hidden string `json:"-"`
		Name   string
	}{"x\xff", "text"}
	for want, value := range map[string]any{
		`"text"`:          newCircular(),
		`["text"]`:        []circular{*newCircular()},
		`{"Name":"text"}`: hidden,
		`[1]`:             json.RawMessage("[1]"),
	} {
		got, err := encode("request", value)
		if err != nil || string(got) != want {
			t.Errorf("encode = %s, %v, want %s", got, err, want)
		}
	}
}

func TestUnencodableRequests(t *testing.T) {
	t.Parallel()
	for want, r := range map[string]Request{
		"request cannot be encoded as JSON: a time such as startAt must be one of RFC 3339: Time.MarshalJSON: year outside of range [0,9999]": {
			StartAt: time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC)},
		"request cannot be encoded as JSON: parameters must be strings, numbers or booleans": {
			Parameters: map[string]any{"tenant": func() {}}},
	} {
		_, err := new(Client).Start(t.Context(), "test-job", "key", &r)
		if CodeOf(err) != InvalidArgument || err.Error() != want {
			t.Errorf("error = %v (%v), want %s", err, CodeOf(err), want)
		}
	}
}
