package store

import "fmt"

// Create makes a new file and opens it. Where there is something of that name
// already it returns fs.ErrExist and leaves it alone.
func Create(path string, opts Options) (*Store, error) {
	if err := checkUnused(path); err != nil {
		return nil, fmt.Errorf("store: create: %w", err)
	}
	return Open(path, opts)
}
