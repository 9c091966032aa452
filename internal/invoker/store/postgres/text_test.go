//go:build unix

package postgres

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store/storetest"
	"github.com/runwith/runwith/internal/testneed"
)

// TestTexts stores texts that PostgreSQL does not take as they are, and long ones.
func TestTexts(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	s := openEmpty(t)
	long := strings.Repeat("ä\\'\"", 1<<18)
	for name, test := range map[string]struct{ text, want string }{
		"zero byte":    {"a\x00b", "a\uFFFDb"},
		"broken UTF-8": {"a\xffb", "a\uFFFDb"},
		"one megabyte": {long, long},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := storetest.Waiting(0)
			r.ID, r.Asked, r.Overrides = name, []byte(test.text), []byte(test.text)
			r.Fingerprint, r.Trace, r.Trail = test.text, test.text, ledger.Trail(test.text)
			r.Source = &runwith.Source{Trigger: "uploads", Event: test.text}
			r.Error = &runwith.Failure{Code: "UNKNOWN", Reason: "exit", Message: test.text, Stderr: []string{test.text}}
			add(t, s, r)
			got, err := s.Find(t.Context(), r.ID)
			if err != nil {
				t.Fatal(err)
			}
			r.Asked, r.Fingerprint, r.Trace, r.Trail = []byte(test.want), test.want, test.want, ledger.Trail(test.want)
			r.Source.Event, r.Error.Message, r.Error.Stderr = test.want, test.want, []string{strings.ToValidUTF8(test.text, "\uFFFD")}
			if diff := cmp.Diff(r, got); diff != "" {
				t.Errorf("stored and read back (-want +got):\n%s", diff[:min(len(diff), 2000)])
			}
		})
	}
	label := storetest.Waiting(1)
	label.Labels = map[string]string{"a\xff": "b\x00", "a": ""}
	add(t, s, label)
	if _, err := s.Find(t.Context(), "no\x00body\xff"); runwith.CodeOf(err) != runwith.NotFound {
		t.Errorf("Find of an ID that is no text = %v, want NOT_FOUND", err)
	}
	if _, err := s.FindKey(t.Context(), "me", "no\x00key"); runwith.CodeOf(err) != runwith.NotFound {
		t.Errorf("FindKey of a key that is no text = %v, want NOT_FOUND", err)
	}
}

// TestDeliveryTexts does so for deliveries.
func TestDeliveryTexts(t *testing.T) {
	t.Parallel()
	s := openEmpty(t)
	_, err := s.write(t.Context(), "add deliveries", func(t tx) ([]ledger.Record, error) {
		return nil, insertDeliveries(t, []ledger.Delivery{{ID: "a", URL: "https://a.example/\x00\xff", Payload: []byte("\x00\xff"), LastError: "\x00\xff"}, {ID: "b"}})
	})
	if err != nil {
		t.Error(err)
	}
}
