//go:build race

package invoker

// stride is from one point of the crash table to the next that is tried.
const stride = 3

// many is a large number, smaller under the race detector, with which SQLite takes
// ten times as long: what there is to race for shows with fewer too.
func many(n int) int { return n / 10 }
