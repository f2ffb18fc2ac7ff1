package store

import "errors"

// Errors of Open. Each comes wrapped with the file's path and the remedy.
var (
	// ErrLocked is returned when another process has the file open.
	ErrLocked = errors.New("the database file is in use by another process")
	// ErrForeign is returned when the file is not a database of this server.
	ErrForeign = errors.New("the file is not a telemetry database")
	// ErrNewer is returned when a newer version of the server wrote the file.
	ErrNewer = errors.New("the database file was written by a newer version")
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
// can't be what this package has written.
var ErrDamaged = errors.New("the database file is damaged")

// ErrClosed is returned by writes, and by Ready, after Close.
var ErrClosed = errors.New("the database is closed")

// ErrReadOnly is returned by writes to a Store of OpenReadOnly.
var ErrReadOnly = errors.New("the database is open for reading only")
