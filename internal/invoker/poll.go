package invoker

import (
	"time"
)

// growth is how a poll's delay grows each time.
func growth(d, limit time.Duration) time.Duration { return min(limit, d*3/2) }
