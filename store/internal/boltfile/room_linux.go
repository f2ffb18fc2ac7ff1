package boltfile

import (
	"errors"
	"os"
	"syscall"
)

// keepSize is FALLOC_FL_KEEP_SIZE.
const keepSize = 1

// allocate sets disk space aside up to an end, without changing the file's size.
func allocate(f *os.File, end int64) error {
	for {
		if err := syscall.Fallocate(int(f.Fd()), keepSize, 0, end); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
