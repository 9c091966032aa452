// Command clock prints the time in nanoseconds, and the duration of a pause of a millisecond.
package main

import (
	"fmt"
	"time"
)

func main() {
	now := time.Now()
	<-time.After(time.Millisecond)
	fmt.Println(now.UnixNano(), int64(time.Since(now)))
}
