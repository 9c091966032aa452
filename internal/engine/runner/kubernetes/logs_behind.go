package kubernetes

import "time"

// A follower that is slow reads a file that the kubelet has rotated away, and goes on with
// the newest file. If the log was rotated twice meanwhile, the file between the two is left
// out, and the answer does not show it. (A cluster under load left out 200,000 lines of
// 1,500,000.) The kubelet looks for logs to rotate every few seconds, so that such a
// follower is behind by that much, and the time between its lines jumps.
//
// The cursor ends such a reading. The next one finds the last line in the log if nothing is
// left out, and otherwise says that output may be missing.
const (
	jumpTime = time.Second
	jumpLag  = 2 * time.Second
)

// jumps reports whether a file may be missing before a new line with a timestamp. The
// first line of a reading comes from the same file as the last known one.
func (c *logCursor) jumps(at int64) bool {
	if !c.follows || !c.inStep || time.Duration(at-c.at.last.at) < jumpTime || c.at.nth == 0 {
		return false
	}
	if c.passed == 0 { // nothing is missing: the line shows how far the clocks differ
		c.skew = c.now.Sub(time.Unix(0, at))
		return false
	}
	return c.at.bytes >= readWhole && c.lag-c.skew >= jumpLag
}
