//go:build !race

package invoker

// stride is from one point of the crash table to the next that is tried.
const stride = 1

// many is a large number, smaller under the race detector.
func many(n int) int { return n }
