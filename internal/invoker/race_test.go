//go:build race

package invoker

// stride is the step between the points of the crash table that are tried.
const stride = 3

// many returns a smaller number under the race detector, which makes SQLite ten times as
// slow. Fewer rows show the same races.
func many(n int) int { return n / 10 }
