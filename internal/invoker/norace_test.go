//go:build !race

package invoker

// stride and postgresStride are the steps between the points of the crash table that are tried.
const stride, postgresStride = 1, 11

// many returns a large number, which is smaller under the race detector.
func many(n int) int { return n }
