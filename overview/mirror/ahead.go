package mirror

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/durable"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// ErrAhead is returned when the mirror has more of this very database than the
// file, which is then an older copy: what the mirror has may be all that is left.
// Nothing in the folder was changed.
var ErrAhead = errors.New("the mirror is ahead of the database")

// asideFolder is the name of a folder in the mirror for what was set aside.
const asideFolder = "ahead-20060102T150405Z"

// Ahead returns the days of which the mirror has more than the store, ascending: a
// later version of the day, or the whole day, although the store has not removed
// it. The mirror is written from what the store has committed, so there are none
// unless the file was exchanged for an older copy, or has lost a commit.
func (m *Mirror) Ahead() (days []rollup.Date, err error) {
	// The versions first: a day that retention takes meanwhile must not seem lost.
	turns, _, err := m.begin()
	if err != nil {
		return nil, err
	}
	for _, t := range turns {
		some, err := t.ahead()
		if err != nil {
			return nil, err
		}
		days = append(days, some...)
	}
	slices.Sort(days)
	return slices.Compact(days), nil
}

// ahead returns those of one product.
func (t *turn) ahead() (days []rollup.Date, err error) {
	removed, err := t.store.RemovedThrough(t.product)
	if err != nil {
		return nil, err
	}
	for key, e := range t.list.Days {
		day, _ := rollup.ParseDate(key) // readManifest has checked it
		if day <= removed || e.Version <= t.versions[day] {
			continue
		}
		if t.hasDay(day) {
			days = append(days, day)
		}
	}
	return days, nil
}

// hasDay tells whether a day has a file, of either form.
func (p part) hasDay(day rollup.Date) bool {
	for _, as := range []form{plain, zipped} {
		if _, err := os.Lstat(p.dayPath(day, as)); err == nil {
			return true
		}
	}
	return false
}

// refuseAhead returns ErrAhead if the mirror is.
func (m *Mirror) refuseAhead() error {
	days, err := m.Ahead()
	if err != nil || len(days) == 0 {
		return err
	}
	return fmt.Errorf("%w: %s to %s", ErrAhead, days[0], days[len(days)-1])
}

// SetAside moves the days of a mirror that is ahead, with a copy of its months, into
// a folder in the mirror, which Read takes for a mirror of its own. It returns
// the folder's path. The mirror is then written anew from the store. The folder is
// never touched again.
func (m *Mirror) SetAside(at time.Time) (folder string, err error) {
	m.syncing.Lock()
	defer m.syncing.Unlock()
	folder = filepath.Join(m.dir, at.UTC().Format(asideFolder))
	if err := m.setAside(folder); err != nil {
		return "", fmt.Errorf("set the mirror aside: %w", err)
	}
	return folder, nil
}

// setAside moves the days of each product last: until then the mirror is ahead of it, and a
// start after a crash sets it aside once more.
func (m *Mirror) setAside(aside string) error {
	m.months.Lock()
	defer m.months.Unlock()
	folders, err := foldersIn(m.dir)
	if err != nil {
		return err
	}
	for _, from := range folders {
		if err := from.setAside(place{aside, from.product}); err != nil {
			return err
		}
	}
	return durable.SyncFolder(m.dir)
}

func (f place) setAside(to place) error {
	entries, err := readFolder(f.path())
	if err != nil {
		return err
	}
	if err := os.Mkdir(to.path(), 0o700); err != nil {
		return err
	}
	for _, e := range entries {
		if _, ok := monthOfFile(e.Name()); !ok || !e.Type().IsRegular() {
			continue
		}
		if err := copyFile(filepath.Join(to.path(), e.Name()), filepath.Join(f.path(), e.Name())); err != nil {
			return err
		}
	}
	if err := os.Rename(f.days(), to.days()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return errors.Join(durable.SyncFolder(to.path()), durable.SyncFolder(f.path()), durable.SyncFolder(to.root))
}

func copyFile(to, from string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	return writeFile(to, func(w io.Writer) error {
		_, err := io.Copy(w, f)
		return err
	})
}

// isAside tells whether a name is that of a folder that SetAside has made.
func isAside(name string) bool {
	_, err := time.Parse(asideFolder, name)
	return err == nil
}
