package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Create makes a new file and opens it. Where there is something of that name
// already it returns fs.ErrExist and leaves it alone.
func Create(path string, opts Options) (*Store, error) {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil, errors.Join(err, fmt.Errorf("store: create %s: %w", path, fs.ErrExist))
	}
	return Open(path, opts)
}
