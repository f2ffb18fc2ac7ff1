// Package dberrors has the errors of a database file that a caller may ask for, for all
// packages below store: each is here once.
package dberrors

import (
	"errors"
	"io/fs"
	"syscall"
)

// Errors of Open. Each comes wrapped with the file's path and the remedy.
var (
	// ErrLocked is returned when another process has the file open.
	ErrLocked = errors.New("the database file is in use by another process")
	// ErrForeign is returned when the file is not a database of this server.
	ErrForeign = errors.New("the file is not a telemetry database")
	// ErrNewer is returned when a newer version of the server wrote the file.
	ErrNewer = errors.New("the database file was written by a newer version")
	// ErrOlder is returned to a command on a file that an older version has written. A
	// server brings such a file to the present.
	ErrOlder = errors.New("the database file was written by an older version")
)

// ErrFull is returned by writes that need more room than Options.MaxBytes leaves.
// Nothing of them is in the file. Reads, and writes that only remove, go on. For a
// while after it writes that add are refused without being tried.
var ErrFull = errors.New("the database file has reached its bound")

// ErrNameless is returned for a report or a day whose product or instance has no
// name, or one that is too long for a key.
var ErrNameless = errors.New("the product or the instance has no usable name")

// ErrGuard is returned by Prune when it is asked to remove all that there is.
var ErrGuard = errors.New("retention would remove everything")

// ErrDamaged is returned by Open and by reads when the file or a record in it
// can't be what a server has written.
var ErrDamaged = errors.New("the database file is damaged")

// ErrClosed is returned by writes, and by Ready, after Close.
var ErrClosed = errors.New("the database is closed")

// ErrReadOnly is returned by writes to a Store of OpenReadOnly.
var ErrReadOnly = errors.New("the database is open for reading only")

// ErrKeys is returned where names of instances would be hashed under two keys: the same
// instance would be two.
var ErrKeys = errors.New("names of instances are hashed under different keys")

// Remedy returns what a user of a server can do about an error of a file, "" if that is not known.
func Remedy(err error) string {
	switch {
	case errors.Is(err, ErrLocked):
		return "; stop the other server, or give this one its own --db-path"
	case errors.Is(err, ErrForeign):
		return "; give --db-path another name, or move the file away"
	case errors.Is(err, ErrNewer):
		return "; start the version that wrote it, or a newer one"
	case errors.Is(err, ErrDamaged):
		return "; restore a backup, or move the file away to start anew"
	case errors.Is(err, fs.ErrPermission):
		return "; the server's user must own the file and its folder"
	case errors.Is(err, syscall.ENOSPC):
		return "; free space on the disk, or give --db-path a place that has some"
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EROFS):
		return "; give --db-path a place in a folder that takes writes"
	}
	return ""
}

// RemedyAtRest does for a user of a command on a file what Remedy does for one of a server.
func RemedyAtRest(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "; name the file that a server has as --db-path, or a copy"
	case errors.Is(err, ErrLocked):
		return "; a server has the file open: make a copy with `cozy-telemetry-server backup`, or stop it"
	case errors.Is(err, ErrForeign):
		return "; name the file that a server has as --db-path"
	case errors.Is(err, ErrOlder):
		return "; start the server on it once, or take a copy that `cozy-telemetry-server compact --db OLD -o NEW` makes"
	}
	return Remedy(err)
}
