package process

import "errors"

// markAll is unsupported.
func markAll(uint) error { return errors.ErrUnsupported }
