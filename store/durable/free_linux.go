package durable

import (
	"math"
	"os"
	"syscall"
)

// Free returns how many bytes of the volume of a folder may be taken without privileges.
func Free(folder string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(folder, &s); err != nil {
		return 0, &os.PathError{Op: "statfs", Path: folder, Err: err}
	}
	if size := uint64(s.Bsize); size > 0 && s.Bavail > math.MaxInt64/size {
		return math.MaxInt64, nil
	}
	return int64(s.Bavail) * s.Bsize, nil
}
