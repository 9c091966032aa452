//go:build !linux

package disk

import (
	"errors"
	"os"
)

// allocate is unsupported: a file takes up room only when it is written.
func allocate(*os.File, int64) error { return errors.ErrUnsupported }
