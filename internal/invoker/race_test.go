//go:build race

package invoker

// stride and postgresStride are the steps between the points of the crash table that are tried.
const stride, postgresStride = 9, 33

// many returns a smaller number under the race detector, which makes SQLite ten times as
// slow. Fewer rows show the same races.
func many(n int) int { return n / 10 }
