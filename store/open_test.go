package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// goodFile returns the bytes of a file with a few hundred records, without the
// space behind its last page.
func goodFile(t *testing.T) []byte {
	t.Helper()
	s := open(t, Options{})
	for i := range 400 { // one by one, so that the pages are always the same
		r := report(uuid(i), march.AddDate(0, i%3-1, 0), "a", rollup.Series(fmt.Sprintf(`b{x="%d"}`, i)))
		must(t, s.Record(t.Context(), r, nil))
	}
	must(t, s.CloseDays(t.Context(), rollup.MonthOf(march), rollup.MonthOf(march).Last()))
	for range 3 {
		must(t, s.Record(t.Context(), report(uuid(1), march, "a"), noise(20_000)))
	}
	size, err := s.SizeBytes()
	must(t, err)
	must(t, s.Close())
	b, err := os.ReadFile(s.path)
	must(t, err)
	return b[:size]
}

// foreign returns the bytes of a bbolt file that is not ours.
func foreignFile(t *testing.T, change func(tx *bolt.Tx) error) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "foreign.db")
	db, err := bolt.Open(path, 0o600, nil)
	must(t, err)
	must(t, db.Update(change))
	must(t, db.Close())
	b, err := os.ReadFile(path)
	must(t, err)
	return b
}

// changed returns a copy of b that f has changed.
func changed(b []byte, f func(b []byte)) []byte {
	b = bytes.Clone(b)
	f(b)
	return b
}

// Places in a meta page: behind the page's header of 16 bytes come magic and
// version.
const (
	metaVersion = 16 + 4
	metaTxid    = 16 + 48
)

func TestFilesThatAreRefused(t *testing.T) {
	good := goodFile(t)
	page := os.Getpagesize()
	bothMetas := func(f func(meta []byte)) []byte {
		return changed(good, func(b []byte) {
			f(b[:page])
			f(b[page : 2*page])
		})
	}
	tests := map[string]struct {
		content []byte
		want    error
		remedy  string
	}{
		"empty":             {nil, dberrors.ErrDamaged, "restore a backup"},
		"one byte":          {[]byte{1}, dberrors.ErrForeign, "move the file away"},
		"text":              {[]byte(strings.Repeat("hello, world\n", 10_000)), dberrors.ErrForeign, "move the file away"},
		"short text":        {[]byte("hello, world\n"), dberrors.ErrForeign, "move the file away"},
		"zeros":             {make([]byte, 64<<10), dberrors.ErrForeign, "move the file away"},
		"half":              {good[:len(good)/2], dberrors.ErrDamaged, "restore a backup"},
		"a byte short":      {good[:len(good)-1], dberrors.ErrDamaged, "restore a backup"},
		"the metas alone":   {good[:2*page], dberrors.ErrDamaged, "restore a backup"},
		"a page and a half": {good[:page*3/2], dberrors.ErrDamaged, "restore a backup"},
		"another magic":     {bothMetas(func(m []byte) { m[16]++ }), dberrors.ErrDamaged, "restore a backup"},
		"zeroed metas":      {bothMetas(func(m []byte) { clear(m) }), dberrors.ErrDamaged, "restore a backup"},
		"another bbolt":     {bothMetas(func(m []byte) { m[metaVersion]++ }), dberrors.ErrForeign, "move the file away"},
		"bad checksums":     {bothMetas(func(m []byte) { m[metaTxid]++ }), dberrors.ErrDamaged, "restore a backup"},
		"an empty database": {foreignFile(t, func(*bolt.Tx) error { return nil }), dberrors.ErrForeign, "move the file away"},
		"another program's": {foreignFile(t, func(tx *bolt.Tx) error {
			return firstOf(tx.CreateBucket([]byte("meta")))
		}), dberrors.ErrForeign, "move the file away"},
		"a missing bucket": {foreignFile(t, func(tx *bolt.Tx) error {
			return errors.Join(layout.CreateSchema(tx), tx.DeleteBucket(layout.BucketQueue))
		}), dberrors.ErrDamaged, "restore a backup"},
		"a schema before the first release": {foreignFile(t, func(tx *bolt.Tx) error {
			return errors.Join(layout.CreateSchema(tx), layout.PutSchema(tx, layout.OldestSchema-1))
		}), dberrors.ErrForeign, "move the file away"},
		"a newer schema": {foreignFile(t, func(tx *bolt.Tx) error {
			return errors.Join(layout.CreateSchema(tx), layout.PutSchema(tx, layout.SchemaVersion+1))
		}), dberrors.ErrNewer, "start the version that wrote it"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "telemetry.db")
			must(t, os.WriteFile(path, test.content, 0o600))
			_, err := Open(path, Options{})
			if !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			checkMessage(t, err, path, test.remedy)
			if b, err := os.ReadFile(path); err != nil || !bytes.Equal(b, test.content) {
				t.Errorf("the file was changed (%v)", err)
			}
			if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
				t.Errorf("something was left beside the file: %v, %v", entries, err)
			}
		})
	}
}

// checkMessage wants one line that names the file and the remedy.
func checkMessage(t *testing.T, err error, path, remedy string) {
	t.Helper()
	if err == nil {
		return // said already
	}
	if m := err.Error(); !strings.Contains(m, path) || !strings.Contains(m, remedy) || strings.Contains(m, "\n") {
		t.Errorf("the message %q does not name %q and %q in one line", m, path, remedy)
	}
}

func TestPlacesThatAreRefused(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "file")
	must(t, os.WriteFile(file, []byte("x"), 0o600))
	loop := filepath.Join(folder, "loop")
	must(t, os.Symlink("loop", loop))
	tests := map[string]struct {
		path   string
		want   error
		remedy string
	}{
		"a folder":           {folder, dberrors.ErrForeign, "name a file"},
		"below a file":       {filepath.Join(file, "telemetry.db"), syscall.ENOTDIR, "--db-path"},
		"deeper below":       {filepath.Join(file, "a", "telemetry.db"), syscall.ENOTDIR, "--db-path"},
		"where none is made": {"/proc/none/telemetry.db", fs.ErrNotExist, "create the folder"},
		"a loop of links":    {loop, syscall.ELOOP, "too many levels"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Open(test.path, Options{})
			if !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			checkMessage(t, err, test.path, test.remedy)
		})
	}
}

// A folder and a file that another user owns: root may write everywhere, so the
// child gives up its rights first.
func TestWithoutPermission(t *testing.T) {
	folder := t.TempDir()
	s := openAt(t, filepath.Join(folder, "telemetry.db"), Options{})
	must(t, s.Close())
	before, err := os.ReadFile(s.path)
	must(t, err)
	must(t, os.Chmod(folder, 0o555))
	must(t, os.Chmod(filepath.Dir(folder), 0o755))
	t.Cleanup(func() { must(t, os.Chmod(folder, 0o755)) })
	must(t, os.Chmod(s.path, 0o444))
	runChild(t, "forbidden", s.path)
	if after, err := os.ReadFile(s.path); err != nil || !bytes.Equal(after, before) {
		t.Errorf("the file was changed (%v)", err)
	}
	must(t, os.Chmod(s.path, 0o644))
}

func childMayNotWrite(path string) error {
	if os.Getuid() == 0 {
		if err := syscall.Setuid(65534); err != nil {
			return err
		}
	}
	for _, p := range []string{path, path + ".other", filepath.Join(filepath.Dir(path), "new", "telemetry.db")} {
		_, err := Open(p, Options{})
		if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "must own the file") {
			return fmt.Errorf("open %s: got %w", p, err)
		}
	}
	return nil
}

func TestLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "telemetry.db")
	locked := func(t *testing.T) {
		start := time.Now()
		_, err := Open(path, Options{})
		if !errors.Is(err, dberrors.ErrLocked) {
			t.Errorf("got %v", err)
		}
		checkMessage(t, err, path, "stop the other server")
		if took := time.Since(start); took > 1500*time.Millisecond {
			t.Errorf("it took %s to say so", took)
		}
	}
	t.Run("by another process", func(t *testing.T) {
		release := startHolder(t, path)
		locked(t)
		release()
	})
	t.Run("by the same process", func(t *testing.T) {
		s := openAt(t, path, Options{})
		locked(t)
		// The one that has it is none the worse.
		must(t, s.Record(t.Context(), report(uuid(1), march, "a"), nil))
	})
}

func TestNewFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "telemetry.db")
	s := openAt(t, path, Options{})
	for p, want := range map[string]fs.FileMode{path: 0o600, filepath.Dir(path): 0o700 | fs.ModeDir} {
		if info, err := os.Stat(p); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v; want %v", p, info.Mode(), err, want)
		}
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("beside the file: %v, %v", entries, err)
	}
	other := open(t, Options{})
	if s.DatabaseID() == other.DatabaseID() || s.DatabaseID() == "" {
		t.Errorf("two files are called %q and %q", s.DatabaseID(), other.DatabaseID())
	}
	must(t, s.Ready(t.Context()))
}

// A file that another server makes while this one makes its own is kept.
func TestCreateNeverReplaces(t *testing.T) {
	s := open(t, Options{})
	must(t, s.Record(t.Context(), report(uuid(1), march, "a"), nil))
	must(t, createFile(s.path))
	s = reopen(t, s)
	if m := stored(t, s); len(m) != 1 {
		t.Errorf("the file has %d records", len(m))
	}
	if entries, err := os.ReadDir(filepath.Dir(s.path)); err != nil || len(entries) != 1 {
		t.Errorf("beside the file: %v, %v", entries, err)
	}
}

// Servers that start at once on a file that is not there yet: one of them has
// it, and the others have harmed nothing.
func TestFirstStartOfSeveral(t *testing.T) {
	path := filepath.Join(t.TempDir(), "telemetry.db")
	stores := make([]*Store, 3)
	var wg sync.WaitGroup
	for i := range stores {
		wg.Go(func() {
			s, err := Open(path, Options{})
			if err == nil {
				err = s.Record(t.Context(), report(uuid(i), march, "a"), nil)
				stores[i] = s
			}
			if err != nil && !errors.Is(err, dberrors.ErrLocked) {
				t.Errorf("server %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	opened := 0
	for _, s := range stores {
		if s != nil {
			opened++
			must(t, s.Close())
		}
	}
	if opened != 1 {
		t.Fatalf("%d servers have the file", opened)
	}
	if m := stored(t, openAt(t, path, Options{})); len(m) != 1 {
		t.Errorf("the file has %d records", len(m))
	}
}

// The mapping has room for many years, so that growing never waits for a reader.
func TestMappingHasRoom(t *testing.T) {
	s := open(t, Options{})
	maps, err := os.ReadFile("/proc/self/maps")
	must(t, err)
	for line := range strings.Lines(string(maps)) {
		var from, to uint64
		if _, err := fmt.Sscanf(line, "%x-%x", &from, &to); err == nil && strings.Contains(line, s.path) {
			if to-from < 64<<30 {
				t.Errorf("%d bytes are mapped", to-from)
			}
			return
		}
	}
	t.Error("the file is not mapped")
}
