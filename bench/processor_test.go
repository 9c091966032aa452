package main

import "testing"

func TestProcessorTimeOfStat(t *testing.T) {
	t.Parallel()
	const stat = "42 (a (b) c) S 1 42 42 0 -1 4194304 9 8 7 6 150 25 900 900 20 0 9 0 77 1 2 3"
	if got, err := processorTimeOfStat(stat); err != nil || got != 1.75 {
		t.Errorf("processorTimeOfStat() = %v, %v, want 1.75", got, err)
	}
	if got, err := processorTimeOfStat("42 (true) S 1"); err == nil {
		t.Errorf("processorTimeOfStat() of a short line = %v, want an error", got)
	}
}

func TestProcessorTimeOfPS(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]float64{"0:00.25": 0.25, "02:03": 123, "1:00:01": 3601} {
		if got, err := processorTimeOfPS(text); err != nil || got != want {
			t.Errorf("processorTimeOfPS(%q) = %v, %v, want %v", text, got, err, want)
		}
	}
	if got, err := processorTimeOfPS("TIME"); err == nil {
		t.Errorf("processorTimeOfPS(%q) = %v, want an error", "TIME", got)
	}
}
