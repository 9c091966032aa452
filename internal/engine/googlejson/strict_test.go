package googlejson_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/googlejson"
)

func TestStrict(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, body, want string }{
		{"nothing", "", "{}"},
		{"white space", " \r\n\t\v\f", "{}"},
		{"standard", ` {"a": [1, -2.5e+3, true, false, null, "x", {}], "b": {}} `, `{"a":[1,-2.5e+3,true,false,null,"x",{}],"b":{}}`},
		{"single quotes", `{'a':'it"s'}`, `{"a":"it\"s"}`},
		{"names without quotes", `{a:1,$b_2:{_c:2}}`, `{"a":1,"$b_2":{"_c":2}}`},
		{"a name that begins like a literal", `{nullable:1,trueish:2}`, `{"nullable":1,"trueish":2}`},
		{"commas after the last", `{"a":[1,2,],}`, `{"a":[1,2]}`},
		{"escapes", `"\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00"`, `"\"\\/\b\f\n\r\t\u00e9\uD83D\uDE00"`},
		{"escapes of no meaning", `"\a\'\v\é\	"`, `"a'\u000bé\u0009"`},
		{"line breaks in a string", "\"a\nb\x01\"", `"a\u000ab\u0001"`},
		{"the deepest", strings.Repeat("[", 100) + strings.Repeat("]", 100), strings.Repeat("[", 100) + strings.Repeat("]", 100)},
	} {
		got, err := googlejson.Strict([]byte(test.body))
		if err != nil || string(got) != test.want {
			t.Errorf("%s: Strict(%s) = %s, %v, want %s", test.name, test.body, got, err, test.want)
		}
	}
}

func TestStrictRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, body, want string }{
		{"no UTF-8", "{\"a\":\"\xff\"}", "body: is not valid UTF-8"},
		{"no value", `{"a":}`, "body: line 1:6: expected a value"},
		{"no value on another line", "{\n  \"ä\": }", "body: line 2:8: expected a value"},
		{"an open object", `{"a":1`, "body: line 1:7: expected a comma or }"},
		{"an open list", `[`, "body: line 1:2: expected a value"},
		{"an open string", `{"a":"b`, "body: line 1:8: expected the end of a string"},
		{"a string that ends in a backslash", `"\`, "body: line 1:2: expected the end of a string"},
		{"a string in two kinds of quotes", `{"a":"b'}`, "body: line 1:10: expected the end of a string"},
		{"no comma", `{"a":1 "b":2}`, "body: line 1:8: expected a comma or }"},
		{"two commas", `[1,,2]`, "body: line 1:4: expected a value"},
		{"a comma first", `{,}`, "body: line 1:2: expected a name or }"},
		{"no colon", `{"a" 1}`, "body: line 1:6: expected a colon after the name"},
		{"a number as a name", `{1:2}`, "body: line 1:2: expected a name or }"},
		{"a literal as a name", `{null:2}`, "body: line 1:2: expected a name or }"},
		{"a word as a value", `{"a":yes}`, "body: line 1:6: expected a value"},
		{"an octal number", `{"a":010}`, "body: line 1:6: expected a number"},
		{"a hexadecimal number", `{"a":0x10}`, "body: line 1:7: expected a comma or }"},
		{"a sign alone", `-`, "body: line 1:1: expected a number"},
		{"a second value", `{} {}`, "body: line 1:4: text after the end of the value"},
		{"a byte order mark", "\ufeff{}", "body: line 1:1: expected a value"},
		{"a comment", `{/**/}`, "body: line 1:2: expected a name or }"},
		{"a high surrogate alone", `{"a":"\ud800"}`, `body: line 1:7: expected \u and four hexadecimal digits`},
		{"a low surrogate alone", `"\udc00"`, `body: line 1:2: expected \u and four`},
		{"two high surrogates", `"\ud800\ud800"`, `body: line 1:2: expected \u and four`},
		{"surrogates in the wrong order", `"\ude00\ud83d"`, `body: line 1:2: expected \u and four`},
		{"a surrogate in a name", `{"\ud800":1}`, `body: line 1:3: expected \u and four`},
		{"a surrogate in single quotes", `'\ud800'`, `body: line 1:2: expected \u and four`},
		{"digits of no number", `"\u12g4"`, `body: line 1:2: expected \u and four`},
		{"too few digits", `"\u12"`, `body: line 1:2: expected \u and four`},
		{"too deep", strings.Repeat("[", 101), "body: line 1:101: nested more than 100 levels deep"},
		{"far too deep", strings.Repeat(`{"a":`, 100_000), "body: line 1:501: nested more than 100 levels deep"},
	} {
		got, err := googlejson.Strict([]byte(test.body))
		if err == nil || !strings.HasPrefix(err.Error(), test.want) || runwith.CodeOf(err) != runwith.InvalidArgument {
			t.Errorf("%s: Strict(%.80s) = %.80s, %v, want %q", test.name, test.body, got, err, test.want)
		}
	}
}

// FuzzStrict checks that the result is JSON of the standard, and that standard JSON keeps
// its meaning.
func FuzzStrict(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `{'a':'b'}`, `{a:1,}`, `[1,2,]`, `"\ud83d\ude00"`, `"\v\x"`, "\"\n\"", `{"a":{"b":[1e5,-0.1,null]}}`, `[[[[]]]]`, `{"a":"\u0000"}`, `-`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		strict, err := googlejson.Strict(body)
		if err == nil && !json.Valid(strict) {
			t.Fatalf("Strict(%q) = %q, which is no JSON", body, strict)
		}
		if !json.Valid(body) || !utf8.Valid(body) {
			return
		}
		var want, got any
		_ = json.Unmarshal(body, &want)
		if err != nil {
			if !strings.Contains(err.Error(), "surrogates") && !strings.Contains(err.Error(), "levels deep") {
				t.Fatalf("Strict(%q) = %v, want success for valid JSON", body, err)
			}
			return
		}
		if err := json.Unmarshal(strict, &got); err != nil {
			return // a number out of range, for both
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Strict(%q) = %q changes the value (-want +got):\n%s", body, strict, diff)
		}
	})
}
