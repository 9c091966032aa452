package jobspec

import "testing"

func TestParseQuantity(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in   string
		want quantity
	}{
		{"0", 0},
		{"1", 1000},
		{"1000m", 1000},
		{"80m", 80},
		{"0.5", 500},
		{"0.0001", 1}, // rounded up
		{"2k", 2000 * unit},
		{"1Ki", 1024 * unit},
		{"512Mi", 512 * mebi},
		{"1.5Gi", 1536 * mebi},
		{"1G", 1_000_000_000 * unit},
		{"1M", 1_000_000 * unit},
		{"1T", 1_000_000_000_000 * unit},
		{"1Ti", 1024 * gibi},
		{"+1", 1000},
		{".5", 500},
		{"2.", 2000},
		{"1e3", 1000 * unit},
		{"1E3", 1000 * unit},
		{"500e-3", 500},
		{"1e+0", 1000},
		{"500000u", 500},
		{"1000000000n", 1000},
		{"1P", 1_000_000_000_000_000 * unit},
		{"1Pi", 1024 * 1024 * gibi},
	}
	for _, tt := range tests {
		if got, ok := parseQuantity(tt.in); !ok || got != tt.want {
			t.Errorf("parseQuantity(%q) = %d, %v, want %d, true", tt.in, got, ok, tt.want)
		}
	}
	for _, in := range []string{
		"", " ", "-1", "++1", "1e", "1e100", "1e3Mi", "1 Gi", "Gi", ".", "1..2", "1.2.3", "1gi", "1GiB", "1mi", "1iG", "0x10", "1_000", "٣", "1/2",
		"99999999999999999999", "9999999999Ti", "1E", "1Ei",
		"100000000000000000000000000000000000000000000000000000000000",
	} {
		if got, ok := parseQuantity(in); ok {
			t.Errorf("parseQuantity(%q) = %d, true, want false", in, got)
		}
	}
}
