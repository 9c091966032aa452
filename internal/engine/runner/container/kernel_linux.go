package container

import (
	"os"
	"strings"
)

// sameMachine reports whether the kernel is that of this machine.
func sameMachine(kernel string) bool {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	return err == nil && strings.TrimSpace(string(release)) == kernel
}
