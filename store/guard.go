package store

import (
	"fmt"
	"runtime/debug"
)

// guard runs f and turns a panic into ErrDamaged. bbolt panics on pages that it
// can't have written, and reading a mapping behind the end of a cut-off file is
// a fault that the runtime turns into a panic here.
func guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", ErrDamaged, p)
		}
	}()
	return f()
}
