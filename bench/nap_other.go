//go:build !linux

package main

import "time"

// nap pauses for a short time.
func nap(d time.Duration) { time.Sleep(d) }
