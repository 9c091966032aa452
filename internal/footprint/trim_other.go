//go:build !linux

package footprint

// Trim does nothing on this system.
func Trim() {}
