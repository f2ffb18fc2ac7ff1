package durable

import (
	"errors"
	"fmt"
)

// ErrReserve is returned where a volume has too little free: what is left is for others.
var ErrReserve = errors.New("the volume is short of free space")

// CheckFree returns ErrReserve if the volume of a folder would have fewer free bytes than a
// reserve when need more are taken. A reserve of 0 is always there, and so is any where
// the system can't tell.
func CheckFree(folder string, reserve, need int64) error {
	if reserve == 0 {
		return nil
	}
	free, err := Free(folder)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return nil
	case err != nil:
		return err
	case free-need < reserve:
		return fmt.Errorf("%w: %d bytes are free, %d are needed, and %d are kept", ErrReserve, free, need, reserve)
	}
	return nil
}
