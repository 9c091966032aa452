package console

import (
	"testing"
	"time"
)

func TestDuration(t *testing.T) {
	t.Parallel()
	for in, want := range map[time.Duration]string{
		-time.Second: "0 ms", 0: "0 ms", 15 * time.Millisecond: "15 ms", 1500 * time.Millisecond: "1.5 s", 59 * time.Second: "59 s",
		90 * time.Second: "1 m 30 s", time.Hour + 5*time.Minute: "1 h 5 m", 49 * time.Hour: "2 d 1 h",
	} {
		if got := duration(in); got != want {
			t.Errorf("duration(%v) = %q, want %q", in, got, want)
		}
	}
}

func TestSpan(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"10m0s": "10m", "1h0m0s": "1h", "3600s": "1h", "1h30m0s": "1h30m", "90s": "1m30s", "10s": "10s", "0s": "0s", "": "", "soon": "soon"} {
		if got := span(in); got != want {
			t.Errorf("span(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for in, want := range map[int]string{0: "0", 999: "999", 1000: "1\u202f000", -1234567: "-1\u202f234\u202f567"} {
		if got := count(in); got != want {
			t.Errorf("count(%d) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[float64]string{0: "0", 1500: "1\u202f500", 0.12345: "0.123", 12.34: "12.3"} {
		if got := amount(in); got != want {
			t.Errorf("amount(%v) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[float64]string{0: "$0", 0.0000123: "$0.000012", 0.5: "$0.5000", 12: "$12.00"} {
		if got := usd(in); got != want {
			t.Errorf("usd(%v) = %q, want %q", in, got, want)
		}
	}
}

// What a task or a caller sends is shown, and obeyed nowhere.
func TestVisible(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a\tb\n": "a\tb\n", "\x1b[31mred": "␛[31mred", "\x00\x7f": "␀␡", "\u202eevil": "⟨U+202E⟩evil", "\u0085": "⟨U+0085⟩", "äöü": "äöü",
	} {
		if got := visible(in); got != want {
			t.Errorf("visible(%q) = %q, want %q", in, got, want)
		}
	}
}

// A form cannot send a visitor to another server.
func TestOwnPath(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"/jobs/a?b=c": "/jobs/a?b=c", "": "/", "//evil.example": "/", "https://evil.example": "/", `/\evil.example`: "/", "/a\r\nb": "/",
	} {
		if got := ownPath(in); got != want {
			t.Errorf("ownPath(%q) = %q, want %q", in, got, want)
		}
	}
}
