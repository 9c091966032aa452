//go:build linux || darwin

package descriptor

import (
	"math"
	"syscall"
)

// Limit returns how many descriptors this process may have; 0 if that is unknown. Go has
// raised the soft limit to the hard one.
func Limit() int {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 0
	}
	return int(min(limit.Cur, math.MaxInt32))
}
