package ledger

import (
	"reflect"
	"testing"
)

func TestReadPassportIgnoresOtherText(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "{", `{"v":2,"caller":"x"}`, `{"v":"1"}`, `[]`} {
		if p := ReadPassport(text); !reflect.DeepEqual(p, Passport{}) {
			t.Errorf("ReadPassport(%q) = %+v, want nothing", text, p)
		}
	}
}

// FuzzReadPassport holds that what anybody may have written into an environment is
// read or passed over.
func FuzzReadPassport(f *testing.F) {
	for _, seed := range []string{`{"v":1,"accepted":"2026-03-01T10:00:00Z","caller":"c","request":"r"}`, `{"v":1}`, `{`, ``} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if p := ReadPassport(text); p.Version != passportVersion && !reflect.DeepEqual(p, Passport{}) {
			t.Errorf("ReadPassport(%q) = %+v", text, p)
		}
	})
}
