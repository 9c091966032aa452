package main

import (
	"syscall"
	"time"
)

// nap pauses the calling thread for a short time. Go's own timers are too coarse on
// Linux: an idle process waits in epoll_wait for at least 1 ms.
func nap(d time.Duration) {
	at := syscall.NsecToTimespec(d.Nanoseconds())
	_ = syscall.Nanosleep(&at, nil) // an interrupted nap is only shorter
}
