package store

import (
	"context"
	"errors"
)

// BackupInfo describes a copy that Backup has made.
type BackupInfo struct {
	// Bytes is the size of the copy, and SHA256 its digest, in hexadecimal.
	Bytes  int64
	SHA256 string
}

// Backup writes a copy of the file.
func (s *Store) Backup(ctx context.Context, path string) (BackupInfo, error) {
	return BackupInfo{}, errors.ErrUnsupported
}
