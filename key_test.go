package runwith_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/runwith/runwith"
)

// TestKeys gives keys to the calls that take one; RunSchedule needs none. Refused ones are not sent.
func TestKeys(t *testing.T) {
	t.Parallel()
	var sent atomic.Int64
	client := setup(t, func(w http.ResponseWriter, r *http.Request) {
		sent.Add(1)
		answerWith(http.StatusAccepted, "application/json", `{"id":"inv-1","state":"accepted"}`)(w, r)
	})
	for key, want := range map[string]string{
		"":                       "key: must not be empty",
		"order\n17":              "key: must be printable ASCII",
		"order\x7f":              "key: must be printable ASCII",
		"größe":                  "key: must be printable ASCII",
		strings.Repeat("k", 256): "key: must be at most 255 characters long, it has 256",
		strings.Repeat("k", 255): "",
		` order "17" ~`:          "",
	} {
		for what, call := range map[string]func() error{
			"Start":       func() error { _, err := client.Start(t.Context(), "test-job", key, nil); return err },
			"Rerun":       func() error { _, err := client.Rerun(t.Context(), "inv-1", key, nil); return err },
			"RunSchedule": func() error { _, err := client.RunSchedule(t.Context(), "nightly", key); return err },
		} {
			want := want
			if key == "" && what == "RunSchedule" {
				want = ""
			}
			before := sent.Load()
			err := call()
			if want == "" {
				if err != nil {
					t.Errorf("%s with key %q = %v", what, key, err)
				}
				continue
			}
			if runwith.CodeOf(err) != runwith.InvalidArgument || err.Error() != want {
				t.Errorf("%s with key %q: error = %v (%v), want %s", what, key, err, runwith.CodeOf(err), want)
			}
			if sent.Load() != before {
				t.Errorf("%s with key %q: a request was sent", what, key)
			}
		}
	}
}
