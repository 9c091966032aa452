package engine

import (
	"errors"
	"slices"
	"testing"
)

// numbers returns a list of the numbers from 0 to n-1.
func numbers(n int) (l listing[int, int], reads *int) {
	next, reads := 0, new(int)
	return listing[int, int]{
		rows: func(limit int) ([]int, error) {
			*reads++
			var rows []int
			for i := next; i < n && len(rows) < limit; i++ {
				rows = append(rows, i)
			}
			return rows, nil
		},
		pass: func(row int) { next = row + 1 },
		show: func(row int) int { return row },
	}, reads
}

func every(n int) func(int) bool { return func(i int) bool { return i%n == 0 } }

func TestPage(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name       string
		rows, size int
		keep       func(int) bool
		want       int // number of items
		more       bool
		reads      int
	}{
		{"empty list", 0, 3, nil, 0, false, 1},
		{"a page that is not full", 2, 3, nil, 2, false, 1},
		{"a page that is just full", 3, 3, nil, 3, false, 1},
		{"more than a page", 4, 3, nil, 3, true, 1},
		{"a partial match", 10, 3, every(5), 2, false, 1},
		{"a page of matches", 100, 3, every(5), 3, true, 1},
		{"the last matches", 11, 3, every(5), 3, false, 1},
		{"few matches in a long list", 5 * maxPageSize, 3, every(2 * maxPageSize), 3, true, 5},
		{"as many as one read returns", maxPageSize, maxPageSize, every(1), maxPageSize, false, 2},
		{"as many as a page examines", maxScan, 3, every(maxScan + 1), 1, false, maxScan/maxPageSize + 1},
		{"more than a page examines", maxScan + 1, 3, every(maxScan + 1), 1, true, maxScan/maxPageSize + 1},
	} {
		l, reads := numbers(test.rows)
		items, more, err := l.read(test.size, test.keep)
		if err != nil {
			t.Errorf("%s: read() = %v", test.name, err)
		}
		if len(items) != test.want {
			t.Errorf("%s: items = %d, want %d", test.name, len(items), test.want)
		}
		if more != test.more {
			t.Errorf("%s: more = %t, want %t", test.name, more, test.more)
		}
		if *reads != test.reads {
			t.Errorf("%s: reads = %d, want %d", test.name, *reads, test.reads)
		}
	}
}

// TestPagesCoverTheList checks that the pages contain each item exactly once.
func TestPagesCoverTheList(t *testing.T) {
	t.Parallel()
	for _, keep := range []func(int) bool{nil, every(3), every(2500)} {
		l, _ := numbers(12_345)
		var want, got []int
		for i := range 12_345 {
			if keep == nil || keep(i) {
				want = append(want, i)
			}
		}
		for more := true; more; {
			items, next, err := l.read(700, keep)
			if err != nil {
				t.Fatal(err)
			}
			got, more = append(got, items...), next
		}
		if !slices.Equal(got, want) {
			t.Errorf("items of all pages = %d, want %d", len(got), len(want))
		}
	}
}

func TestPageReadError(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	l, _ := numbers(1)
	l.rows = func(int) ([]int, error) { return nil, broken }
	if _, _, err := l.read(1, nil); !errors.Is(err, broken) {
		t.Errorf("read() = %v, want %v", err, broken)
	}
}
