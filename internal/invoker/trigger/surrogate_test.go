package trigger

import "testing"

func TestLoneSurrogate(t *testing.T) {
	t.Parallel()
	for json, want := range map[string]bool{
		`"\ud83d\ude00"`:         false,
		`"\ud83d\ude00\ud83d"`:   true,
		`"\ud83d"`:               true,
		`"\ude00\ud83d"`:         true,
		`"\ud83d\\ude00"`:        true,
		`"\\ud83d"`:              false,
		`"\\\ud83d"`:             true,
		`"\u00e9\n\\\""`:         false,
		`{"\ud83d":"\ude00"}`:    true,
		"\"\U0001f600\ufffd\"":   false,
		`["\ud83d\ude00","\"]"]`: false,
	} {
		if got := loneSurrogate([]byte(json)); got != want {
			t.Errorf("loneSurrogate(%s) = %v, want %v", json, got, want)
		}
	}
}
