package ledger

import (
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadPassportIgnoresOtherText(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "{", `{"v":2,"caller":"x"}`, `{"v":"1"}`, `[]`} {
		if p := ReadPassport(text); !reflect.DeepEqual(p, Passport{}) {
			t.Errorf("ReadPassport(%q) = %+v, want nothing", text, p)
		}
	}
}

// TestPassport checks what a rebuilt row needs, also from the passport of an earlier program.
func TestPassport(t *testing.T) {
	t.Parallel()
	r := in(1, "running")
	r.Job, r.Target, r.Caller, r.Owner = "reindex", "projects/p/locations/l/jobs/reindex-v2", "docs-api", OwnerOf("docs-api")
	r.Labels, r.Key, r.Fingerprint = map[string]string{"tenant": "acme"}, "k", "f"
	want := Passport{
		Version: 1, Accepted: at(0), Owner: r.Owner, Name: "docs-api", Key: "k", Request: "f", Slot: "slot", Job: "reindex", Labels: r.Labels,
	}
	if diff := cmp.Diff(want, ReadPassport(r.Passport())); diff != "" {
		t.Errorf("passport (-want +got):\n%s", diff)
	}
	r.Job = "reindex-v2"
	if p := ReadPassport(r.Passport()); p.Job != "" {
		t.Errorf("job = %q, want none: the execution shows it", p.Job)
	}
	rebuilt := Rebuilt(Bearer{ID: "1", Target: r.Target, Job: "reindex-v2", Execution: "e", Passport: want}, at(9), 0)
	for _, field := range []struct{ name, got, want string }{
		{"job", rebuilt.Job, "reindex"}, {"target", rebuilt.Target, r.Target}, {"caller", rebuilt.Caller, "docs-api"},
		{"slot", rebuilt.Slot, "slot"}, {"label tenant", rebuilt.Labels["tenant"], "acme"},
	} {
		if field.got != field.want {
			t.Errorf("rebuilt: %s = %q, want that of the passport, %q", field.name, field.got, field.want)
		}
	}
	old := ReadPassport(`{"v":1,"accepted":"2026-03-01T10:00:00Z","caller":"hash","key":"k","request":"f","slot":"slot"}`)
	if diff := cmp.Diff(Passport{Version: 1, Accepted: at(0), Owner: "hash", Key: "k", Request: "f", Slot: "slot"}, old); diff != "" {
		t.Errorf("old passport (-want +got):\n%s", diff)
	}
}

// TestPassportIsBounded checks that no label makes an environment too large, and that a
// foreign passport brings nothing that no request may have.
func TestPassportIsBounded(t *testing.T) {
	t.Parallel()
	r := in(1, "running")
	r.Labels = map[string]string{"a": strings.Repeat("x", maxPassport)}
	if p := r.Passport(); len(p) > maxPassport || ReadPassport(p).Slot != r.Slot {
		t.Errorf("passport has %d bytes, want it without the labels", len(p))
	}
	p := ReadPassport(`{"v":1,"caller":"hash","name":"somebody else","source":"schedule/nightly","event":"x","job":"../x","labels":{"a":"b","c":"\u0000"},"request":"f"}`)
	if diff := cmp.Diff(Passport{Version: 1, Owner: "hash", Request: "f", Labels: map[string]string{"a": "b"}}, p); diff != "" {
		t.Errorf("foreign passport (-want +got):\n%s", diff)
	}
}

func TestLongPassportIsNotRead(t *testing.T) {
	t.Parallel()
	p := ReadPassport(`{"v":1,"caller":"hash","slot":"` + strings.Repeat("x", longestPassport) + `"}`)
	if diff := cmp.Diff(Passport{}, p); diff != "" {
		t.Errorf("passport longer than a variable (-want +got):\n%s", diff)
	}
}

func TestValidTrace(t *testing.T) {
	t.Parallel()
	const good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for trace, want := range map[string]string{good: good, "": "", good + "x": "", strings.ToUpper(good): "", good + "\n": ""} {
		if got := ValidTrace(trace); got != want {
			t.Errorf("ValidTrace(%q) = %q, want %q", trace, got, want)
		}
	}
}

func TestStoredKey(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", 200)
	for key, want := range map[string]int{"report": 6, strings.Repeat("a", 200): 200, long: 123} {
		if got := (Slot{Key: key}).StoredKey(); len(got) != want || len(key) <= 200 && got != key {
			t.Errorf("StoredKey(%q) = %q, want %d bytes", key, got, want)
		}
	}
	if (Slot{Key: long}).StoredKey() == (Slot{Key: long + "b"}).StoredKey() {
		t.Error("two long keys are stored as one")
	}
}

// FuzzReadPassport holds that what anybody may have written into an environment is
// read or passed over.
func FuzzReadPassport(f *testing.F) {
	for _, seed := range []string{`{"v":1,"accepted":"2026-03-01T10:00:00Z","caller":"c","request":"r","labels":{"a":"b"}}`, `{"v":1}`, `{`, ``} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p := ReadPassport(text)
		if p.Version != passportVersion && !reflect.DeepEqual(p, Passport{}) {
			t.Errorf("ReadPassport(%q) = %+v", text, p)
		}
		for name, value := range p.Labels {
			if !LabelFits(name, value) {
				t.Errorf("ReadPassport(%q) has the label %q=%q", text, name, value)
			}
		}
	})
}
