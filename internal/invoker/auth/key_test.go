package auth_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/runwith/runwith/internal/invoker/auth"
)

func TestNewKey(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^rw_[0-9A-Za-z]{6}_[0-9A-Za-z]{49}$`)
	seen := map[string]bool{}
	for range 1000 {
		key := auth.NewKey()
		id, ok := auth.KeyID(key)
		if !form.MatchString(key) {
			t.Fatalf("NewKey() = %q, want the documented form", key)
		}
		if !ok {
			t.Fatalf("KeyID(%q) found no ID", key)
		}
		if !strings.HasPrefix(key, "rw_"+id+"_") {
			t.Fatalf("KeyID(%q) = %q, want the part after rw_", key, id)
		}
		if seen[id] {
			t.Fatalf("two keys have the ID %q", id)
		}
		seen[id] = true
	}
}

// The checksum finds each wrong character, and each pair that has changed places.
func TestKeyChecksum(t *testing.T) {
	t.Parallel()
	key := auth.NewKey()
	for i := range key {
		for _, c := range []byte("0aZ_ \x00") {
			if changed := key[:i] + string(c) + key[i+1:]; changed != key {
				if _, ok := auth.KeyID(changed); ok {
					t.Errorf("%q passes, with byte %d changed from %q", changed, i, key)
				}
			}
		}
		if i > 0 && key[i] != key[i-1] {
			if _, ok := auth.KeyID(key[:i-1] + key[i:i+1] + key[i-1:i] + key[i+1:]); ok {
				t.Errorf("bytes %d and %d of %q changed places, and it passes", i-1, i, key)
			}
		}
	}
	for _, other := range []string{"", "rw_", "rw__", key[:len(key)-1], key + "0", key + "\n", " " + key, strings.ToUpper(key), "gh" + key} {
		if id, ok := auth.KeyID(other); ok || id != "" && !strings.Contains(key, id) {
			t.Errorf("KeyID(%q) = %q, %t, want it to be refused", other, id, ok)
		}
	}
}

// A key of this form has been given to callers: it must stay valid.
func TestKeyOfEarlierVersion(t *testing.T) {
	t.Parallel()
	const key, hash = "rw_k7Qm2x_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg0azidK", "e3abf2b2fa2c61b76fcf3d1f617a05889222ee3447096ac25fc8dd093b4fd2f9"
	if id, ok := auth.KeyID(key); id != "k7Qm2x" || !ok {
		t.Errorf("KeyID(%q) = %q, %t, want k7Qm2x", key, id, ok)
	}
	if got := auth.HashKey(key); got != hash {
		t.Errorf("HashKey(%q) = %s, want %s", key, got, hash)
	}
}

func FuzzKeyID(f *testing.F) {
	f.Add(auth.NewKey())
	f.Add("rw_k7Qm2x_")
	f.Add("rw__0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefgh123456")
	f.Fuzz(func(t *testing.T, text string) {
		id, ok := auth.KeyID(text)
		if !ok {
			return
		}
		if !strings.HasPrefix(text, "rw_"+id+"_") || len(text) != len("rw_")+len(id)+1+49 || strings.ContainsAny(id, "_ \n") {
			t.Errorf("KeyID(%q) = %q, but the text has another form", text, id)
		}
		if _, ok := auth.KeyID(text + "x"); ok {
			t.Errorf("%q passes with one more character", text)
		}
	})
}
