package mirror

import (
	"errors"

	"github.com/cozystack/cozystack-telemetry-server/store/durable"
)

// ErrTaken is returned by Lock when somebody else has the folder.
var ErrTaken = errors.New("another server writes the mirror")

// Lock keeps other servers from a folder until unlock is called, for each would write
// its days over the others'. The folder is made if it is missing. One that can't be made
// or opened, or has no locks, keeps nobody out: [Mirror.Run] tells what is wrong with it.
func Lock(dir string) (unlock func(), err error) {
	if durable.MakeFolder(dir) != nil {
		return func() {}, nil
	}
	lock, err := durable.Lock(dir)
	switch {
	case errors.Is(err, durable.ErrBusy):
		return nil, ErrTaken
	case err != nil:
		return func() {}, nil
	}
	return func() { _ = lock.Close() }, nil // nothing was written through it
}
