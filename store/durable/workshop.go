package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Workshop is a folder for what is being made. It is locked as long as somebody works
// in it, so that what a crash has left can be told from it.
type Workshop struct {
	folder string
	lock   *os.File // of the folder; nil where the file system has no locks
}

// OpenWorkshop makes a folder beside a file that shall be made.
func OpenWorkshop(path string) (*Workshop, error) {
	for {
		folder, err := os.MkdirTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp")
		if err != nil {
			return nil, err
		}
		lock, err := lockIdle(folder)
		if !errors.Is(err, ErrBusy) {
			return &Workshop{folder, lock}, nil
		}
		// Somebody who tidies up has taken it between the two calls.
	}
}

// Path returns where a file of that name lies in the workshop.
func (w *Workshop) Path(name string) string { return filepath.Join(w.folder, name) }

// Close removes the folder with all that is in it.
func (w *Workshop) Close() error {
	err := os.RemoveAll(w.folder)
	if w.lock != nil {
		err = errors.Join(err, w.lock.Close())
	}
	return err
}

// ErrBusy means that somebody works there, or that it is gone.
var ErrBusy = errors.New("somebody works there")

// Lock keeps a folder to the caller until the file that it returns is closed. Only
// those who ask for the lock too are kept out.
func Lock(folder string) (*os.File, error) {
	f, err := os.Open(folder)
	if err != nil {
		return nil, err
	}
	if err := flock(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func flock(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrBusy
	}
	return err
}

// lockIdle locks a folder or a file in which nobody works.
func lockIdle(path string) (*os.File, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrBusy
	}
	if err != nil {
		return nil, err
	}
	err = flock(f)
	// Who had the lock before has perhaps removed what it is of.
	if err == nil && !isFile(f, path) {
		err = ErrBusy
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// isFile tells whether an open file still has its name.
func isFile(f *os.File, path string) bool {
	mine, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Lstat(path)
	return err == nil && os.SameFile(mine, named)
}

// LeftOver tells whether a name is that of a workshop, or of what a crash has left of
// one, and what was to be made in it.
func LeftOver(name string) (of string, ok bool) {
	of, isTemp := strings.CutSuffix(name, ".tmp")
	of, hidden := strings.CutPrefix(of, ".")
	i := strings.LastIndexByte(of, '.')
	if !isTemp || !hidden || i <= 0 || i+1 == len(of) || strings.Trim(of[i+1:], "0123456789") != "" {
		return "", false
	}
	return of[:i], true
}

// Tidy removes from a folder what crashes have left of files whose names are ours.
// It spares those in which somebody works, in this process or in another one of this
// machine. A folder that is missing has none.
func Tidy(folder string, ours func(name string) bool) error {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		of, ok := LeftOver(e.Name())
		if ok && ours(of) && (e.IsDir() || e.Type().IsRegular()) {
			err = errors.Join(err, removeIdle(filepath.Join(folder, e.Name())))
		}
	}
	return err
}

func removeIdle(path string) error {
	lock, err := lockIdle(path)
	if errors.Is(err, ErrBusy) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(path), lock.Close())
}
