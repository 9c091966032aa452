package api

import (
	"strings"
	"testing"
)

func TestParseKey(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		header, want, fault string
	}{
		{header: `"8e03978e-40d5"`, want: "8e03978e-40d5"},
		{header: `8e03978e-40d5`, want: "8e03978e-40d5"},
		{header: "\t \"a b\" ", want: "a b"},
		{header: `"say \"hi\" \\"`, want: `say "hi" \`},
		{header: strings.Repeat("x", 255), want: strings.Repeat("x", 255)},
		{header: `"` + strings.Repeat("x", 255) + `"`, want: strings.Repeat("x", 255)},
		{header: ``, fault: "empty"},
		{header: `""`, fault: "empty"},
		{header: strings.Repeat("x", 256), fault: "at most 255"},
		{header: `"open`, fault: "no closing quote"},
		{header: `"`, fault: "no closing quote"},
		{header: `"a"b`, fault: "after the closing quote"},
		{header: `"a";p=1`, fault: "after the closing quote"},
		{header: `"a\n"`, fault: "backslash"},
		{header: `"a\`, fault: "backslash"},
		{header: "caf\u00e9", fault: "printable ASCII"},
		{header: "a\x01b", fault: "printable ASCII"},
	} {
		got, err := parseKey(test.header)
		if got != test.want {
			t.Errorf("parseKey(%q) = %q, want %q", test.header, got, test.want)
		}
		if (err == nil) != (test.fault == "") {
			t.Errorf("parseKey(%q): error = %v, want %q", test.header, err, test.fault)
		}
		if err != nil && !strings.Contains(err.Error(), test.fault) {
			t.Errorf("parseKey(%q): error = %v, want %q in it", test.header, err, test.fault)
		}
	}
}

// FuzzParseKey checks that a key is printable and not too long, and stays the same when
// quoted again.
func FuzzParseKey(f *testing.F) {
	for _, seed := range []string{`"a"`, `a`, `"\\\""`, `"a\`, ``, `""`, "\"\xff\""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		key, err := parseKey(header)
		if err != nil {
			return
		}
		if key == "" || len(key) > 255 || strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Fatalf("parseKey(%q) = %q", header, key)
		}
		quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(key) + `"`
		if again, err := parseKey(quoted); err != nil || again != key {
			t.Fatalf("parseKey(%q) = %q, %v, want %q", quoted, again, err, key)
		}
	})
}
