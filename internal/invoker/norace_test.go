//go:build !race

package invoker

// many is a large number, smaller under the race detector.
func many(n int) int { return n }
