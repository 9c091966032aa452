package auth_test

import (
	"fmt"
	"testing"

	"github.com/runwith/runwith/internal/invoker/auth"
)

// TestSignIn checks how long a key that a visitor has typed stays the one of its caller.
func TestSignIn(t *testing.T) {
	t.Parallel()
	typed, other := auth.NewKey(), auth.NewKey()
	id, _ := auth.KeyID(typed)
	keyOf := func(caller, key, expires string) string {
		return fmt.Sprintf("callers: {%s: {apiKeys: [{id: %s, sha256: %s, expires: %q}]}}", caller, id, auth.HashKey(key), expires)
	}
	c := newClock()
	a, _ := open(t, c, file(t, "%s", keyOf("docs", typed, "2027-01-01")), nil)
	k, err := a.SignIn(request(), typed)
	if err != nil {
		t.Fatal(err)
	}
	if k.ID != id {
		t.Fatalf("ID of the key = %q, want %q", k.ID, id)
	}
	if k.Caller != "docs" {
		t.Fatalf("caller of the key = %q, want docs", k.Caller)
	}
	if k.Expires.Year() != 2027 {
		t.Fatalf("the key expires at %v, want 2027", k.Expires)
	}
	if k, err := a.SignIn(request(), other); err == nil {
		t.Errorf("SignIn() with another key = %+v, want an error", k)
	}
	for change, test := range map[string]struct {
		text string
		want bool
	}{
		"none":              {keyOf("docs", typed, "2027-01-01"), true},
		"another expiry":    {keyOf("docs", typed, "2028-01-01"), true},
		"it has expired":    {keyOf("docs", typed, "2026-01-01"), false},
		"another caller":    {keyOf("other", typed, "2027-01-01"), false},
		"another secret":    {keyOf("docs", other, "2027-01-01"), false},
		"no callers at all": {"jobs: {}", false},
	} {
		if err := a.Use(file(t, "%s", test.text), nil); err != nil {
			t.Fatal(err)
		}
		if got := a.Lives(k); got != test.want {
			t.Errorf("after the change %q: Lives() = %v, want %v", change, got, test.want)
		}
	}
}
