package trigger

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The document and its pointers are those of RFC 6901, section 5.
func TestPointer(t *testing.T) {
	document, err := decodeJSON([]byte(`{"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, "k\"l": 6, " ": 7, "m~n": 8, "null": null, "01": 9}`))
	if err != nil {
		t.Fatal(err)
	}
	number := func(text string) any { return json.Number(text) }
	for text, want := range map[string]any{
		"/foo": []any{"bar", "baz"}, "/foo/0": "bar", "/": number("0"), "/a~1b": number("1"), "/c%d": number("2"), "/e^f": number("3"),
		"/g|h": number("4"), `/i\j`: number("5"), `/k"l`: number("6"), "/ ": number("7"), "/m~0n": number("8"), "/01": number("9"),
		"/foo/2": nil, "/foo/-": nil, "/foo/00": nil, "/foo/+0": nil, "/foo/-1": nil, "/foo/0/0": nil, "/null": nil, "/null/a": nil, "/m~01n": nil, "/absent": nil,
	} {
		got, found := newPointer(text).in(document)
		if diff := cmp.Diff(want, got); diff != "" && (found || want != nil) {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
		if found != (want != nil) {
			t.Errorf("%s: found = %v, want %v", text, found, want != nil)
		}
	}
}
