package trigger

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/runwith/runwith/internal/invoker"
)

// FuzzPointer follows any pointer in any document.
func FuzzPointer(f *testing.F) {
	f.Add("/a/0", `{"a":[1]}`)
	f.Add("/~01/~1", `{"~1":{"/":null}}`)
	f.Add("/-1", `[1]`)
	f.Fuzz(func(t *testing.T, text, document string) {
		value, err := decodeJSON([]byte(document))
		if err != nil || !strings.HasPrefix(text, "/") {
			return
		}
		if found, ok := newPointer(text).in(value); ok == (found == nil) {
			t.Errorf("%q in %q = %v, %v", text, document, found, ok)
		}
	})
}

// FuzzIdentity joins parts. Different parts give different identities.
func FuzzIdentity(f *testing.F) {
	f.Add("a", "b", "a#b", "")
	f.Add("a%23", "b", "a#", "b")
	f.Add(strings.Repeat("ä", 200), "b", strings.Repeat("ä", 200), "c")
	f.Add("\xff", "", "�", "")
	f.Fuzz(func(t *testing.T, a, b, c, d string) {
		x, y := joinIdentity([]string{a, b}), joinIdentity([]string{c, d})
		if (x == y) != (a == c && b == d) {
			t.Errorf("(%q, %q) = %q and (%q, %q) = %q", a, b, x, c, d, y)
		}
		if len(x) > invoker.MaxKey || !utf8.ValidString(x) {
			t.Errorf("(%q, %q) = %q, of %d bytes", a, b, x, len(x))
		}
	})
}
