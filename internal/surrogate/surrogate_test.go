package surrogate_test

import (
	"testing"

	"github.com/runwith/runwith/internal/surrogate"
)

func TestLone(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]int{
		`{}`:                         -1,
		`"caf\u00e9"`:                -1,
		`"\ud83d\ude00"`:             -1,
		`"\uD83D\uDE00 \ud83d"`:      14,
		`"\ude00\ud83d"`:             1,
		`"\ud83d\ud83d\ude00"`:       1,
		`"\\ud83d"`:                  -1, // a backslash, and then text
		`"\\\ud83d"`:                 3,
		`["\n\t\"", "\ud83dx"]`:      12,
		`"\ud83d\n\ude00"`:           1,
		`"\ufffd is a character"`:    -1,
		`"😀 is one that is written"`: -1,
	} {
		if got := surrogate.Lone([]byte(data)); got != want {
			t.Errorf("Lone(%s) = %d, want %d", data, got, want)
		}
	}
}
