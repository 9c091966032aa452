package terminal

import "testing"

func TestEscape(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ text, want string }{
		"plain":             {"a\tb ü 日本 👩‍👩‍👧", "a\tb ü 日本 👩‍👩‍👧"},
		"several lines":     {"a\nb", "a\nb"},
		"CRLF":              {"a\r", "a"},
		"carriage return":   {"secret\rpublic", `secret\rpublic`},
		"colour":            {"\x1b[1;32mok\x1b[0m", "\x1b[1;32mok\x1b[0m\x1b[0m"},
		"unended colour":    {"\x1b[38:5:9mred", "\x1b[38:5:9mred\x1b[0m"},
		"clear screen":      {"\x1b[2J", `\x1b[2J`},
		"cursor":            {"\x1b[5A\x1b[?25l", `\x1b[5A\x1b[?25l`},
		"title":             {"\x1b]0;owned\a", `\x1b]0;owned\x07`},
		"clipboard":         {"\x1b]52;c;cm0=\x1b\\", `\x1b]52;c;cm0=\x1b\`},
		"report":            {"\x1b[6n\x1b[c", `\x1b[6n\x1b[c`},
		"C1":                {"\u009b2J\u009d0;t\u009c", `\x9b2J\x9d0;t\x9c`},
		"backspace, delete": {"a\bb\x7f\x00", `a\x08b\x7f\x00`},
		"colour and cursor": {"\x1b[31mx\x1b[1A", "\x1b[31mx" + `\x1b[1A` + "\x1b[0m"},
		"bidirectional":     {"a\u202eb\u202a\u2066c\u2069\u200e\u200f\u061c", `a\u202eb\u202a\u2066c\u2069\u200e\u200f\u061c`},
		"hidden in colour":  {"\x1b[31\x1b[2Jm", `\x1b[31\x1b[2Jm`},
	} {
		if got := Escape(test.text); got != test.want {
			t.Errorf("%s: Escape(%q) = %q, want %q", name, test.text, got, test.want)
		}
	}
}
