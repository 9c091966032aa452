package engine

import (
	"errors"
	"slices"
	"testing"
)

// numbers is a list of the numbers from 0 to n, less one.
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

func TestAPageHasWhatIsWantedAndSaysWhetherThereIsMore(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name       string
		rows, size int
		keep       func(int) bool
		want       int // items
		more       bool
		reads      int
	}{
		{"nothing", 0, 3, nil, 0, false, 1},
		{"a page that is not full", 2, 3, nil, 2, false, 1},
		{"a page that is just full", 3, 3, nil, 3, false, 1},
		{"more than a page", 4, 3, nil, 3, true, 1},
		{"some of what is there", 10, 3, every(5), 2, false, 1},
		{"a page of some", 100, 3, every(5), 3, true, 1},
		{"the last of some", 11, 3, every(5), 3, false, 1},
		{"some of much", 5 * maxPageSize, 3, every(2 * maxPageSize), 3, true, 5},
		{"all of just as much as is read at once", maxPageSize, maxPageSize, every(1), maxPageSize, false, 2},
		{"none of just as much as is looked at", maxScan, 3, every(maxScan + 1), 1, false, maxScan/maxPageSize + 1},
		{"none of too much to look at", maxScan + 1, 3, every(maxScan + 1), 1, true, maxScan/maxPageSize + 1},
	} {
		l, reads := numbers(test.rows)
		items, more, err := l.read(test.size, test.keep)
		if err != nil || len(items) != test.want || more != test.more || *reads != test.reads {
			t.Errorf("%s: read() = %d items, more %v, %v, in %d reads; want %d, %v in %d",
				test.name, len(items), more, err, *reads, test.want, test.more, test.reads)
		}
	}
}

// Page by page, nothing is left out and nothing is there twice.
func TestPagesLeadThroughTheWholeList(t *testing.T) {
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
			t.Errorf("the pages have %d items, want %d", len(got), len(want))
		}
	}
}

func TestAPageThatCannotBeReadIsAnError(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	l, _ := numbers(1)
	l.rows = func(int) ([]int, error) { return nil, broken }
	if _, _, err := l.read(1, nil); !errors.Is(err, broken) {
		t.Errorf("read() = %v, want %v", err, broken)
	}
}
