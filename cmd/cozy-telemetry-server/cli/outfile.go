package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/durable"
)

// WriteOut writes a file that gets its name only when all of it is on disk. Without
// force there must be none of that name, and with it none that a server has open: the
// server would go on with a file that has no name.
func WriteOut(path string, force bool, write func(io.Writer) error) error {
	err := checkPlace(path)
	switch {
	case errors.Is(err, errTaken) && !force:
		return fmt.Errorf("%w; --force replaces it", err)
	case errors.Is(err, errTaken):
		err = checkNotServed(path)
	}
	if err != nil {
		return err
	}
	publish := durable.Create
	if force {
		publish = durable.Replace
	}
	return publish(path, durable.Writing(write))
}

var errTaken = errors.New("there is such a file already")

// checkPlace refuses a place that no file can be made in. It returns errTaken if
// there is a file.
func checkPlace(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return CheckFolder("", filepath.Dir(path))
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%s: it is a folder; name a file", path)
	}
	return fmt.Errorf("%s: %w", path, errTaken)
}

// CheckNew refuses a place for a file that never replaces another.
func CheckNew(path string) error {
	err := checkPlace(path)
	if errors.Is(err, errTaken) {
		return fmt.Errorf("%w; name another", err)
	}
	return err
}

// CheckFolder refuses what is no folder. What begins the message names the flag, if
// there is one.
func CheckFolder(what, path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s%s: there is no such folder", what, path)
	case err != nil:
		return fmt.Errorf("%s%w", what, err)
	case !info.IsDir():
		return fmt.Errorf("%s%s: it is not a folder", what, path)
	}
	return nil
}

// checkNotServed refuses a database that a server has open.
func checkNotServed(path string) error {
	s, err := store.OpenReadOnly(path)
	switch {
	case err == nil:
		return s.Close()
	case errors.Is(err, dberrors.ErrLocked):
		return err
	}
	return nil // whatever it is, it may be replaced
}
