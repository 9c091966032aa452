//go:build !race

package invoker

// stride is the step between the points of the crash table that are tried.
const stride = 1

// many returns a large number, which is smaller under the race detector.
func many(n int) int { return n }
