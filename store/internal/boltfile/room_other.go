//go:build !linux

package boltfile

import (
	"errors"
	"os"
)

// allocate is known for Linux only.
func allocate(*os.File, int64) error { return errors.ErrUnsupported }
