//go:build unix

package tasklog

import (
	"errors"
	"fmt"
	"os"
)

// syncFolder makes the names in a folder durable.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("sync log folder: %w", err)
	}
	if err := errors.Join(folder.Sync(), folder.Close()); err != nil {
		return fmt.Errorf("sync log folder: %w", err)
	}
	return nil
}
