package boltfile

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
)

// Guard runs f and turns a panic into an error. It is ErrDamaged if bbolt panics,
// as it does on pages that it can't have written, or if memory faults: reading a
// mapping behind the end of a cut-off file is a fault that the runtime turns into a
// panic here. Any other panic is a mistake of the code in f, and becomes a *mistake.
func Guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		p := recover()
		known, surfaced := p.(*mistake)
		switch {
		case p == nil:
		case surfaced:
			err = known
		case isFault(p) || ofBolt():
			err = fmt.Errorf("%w: %v", dberrors.ErrDamaged, p)
		default:
			err = &mistake{p, debug.Stack()}
		}
	}()
	return f()
}

// mistake is a panic that the file is not to blame for. See surface.
type mistake struct {
	value any
	stack []byte // of the panic
}

func (m *mistake) Error() string { return fmt.Sprintf("panic: %v\n\n%s", m.value, m.stack) }

// Surface panics with what is a *mistake, and returns any other error: a caller's
// function that panics in a transaction, wherever that runs, is to look to the
// caller as if nothing had been between them.
func Surface(err error) error {
	if m := (*mistake)(nil); errors.As(err, &m) {
		panic(m)
	}
	return err
}

// isFault tells whether a panic is an access to memory that is not there. The
// runtime gives an address with those, but not with that of a nil pointer.
func isFault(p any) bool {
	_, ok := p.(interface{ Addr() uintptr })
	return ok
}

// ofBolt tells whether the panic that is being recovered from began in bbolt, or in
// what bbolt called of the standard library.
func ofBolt() bool {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	panicked := false
	for {
		frame, more := frames.Next()
		switch {
		case frame.Function == "runtime.gopanic":
			panicked = true
		case !panicked || isStandard(frame.Function):
		default:
			return strings.HasPrefix(frame.Function, "go.etcd.io/bbolt")
		}
		if !more {
			return false
		}
	}
}

// isStandard tells whether a function is of the standard library, whose packages
// have no dot in the first part of their path.
func isStandard(function string) bool {
	first, _, inFolder := strings.Cut(function, "/")
	return !inFolder || !strings.Contains(first, ".")
}

// View runs a read transaction. An error of f is returned as it is, and a panic of f is
// one of view; what bbolt finds wrong with the file is dberrors.ErrDamaged.
func View(db *bolt.DB, f func(tx *bolt.Tx) error) error {
	return Surface(Guard(func() error { return db.View(f) }))
}
