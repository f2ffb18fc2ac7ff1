//go:build !linux

package durable

import "errors"

// Free is known for Linux only.
func Free(string) (int64, error) { return 0, errors.ErrUnsupported }
