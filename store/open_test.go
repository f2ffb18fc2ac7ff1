package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
	"pgregory.net/rapid"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// goodFile returns the bytes of a file with a few hundred records, without the
// space behind its last page.
func goodFile(t *testing.T) []byte {
	t.Helper()
	s := open(t, Options{})
	var reports []rollup.Report
	for i := range 400 {
		reports = append(reports, report(uuid(i), march.AddDate(0, i%3-1, 0), "a", rollup.Series(fmt.Sprintf(`b{x="%d"}`, i))))
	}
	recordAll(t, s, make(model), reports...)
	must(t, s.CloseMonth(t.Context(), rollup.MonthOf(march)))
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
		"empty":             {nil, ErrDamaged, "restore a backup"},
		"one byte":          {[]byte{1}, ErrForeign, "move the file away"},
		"text":              {[]byte(strings.Repeat("hello, world\n", 10_000)), ErrForeign, "move the file away"},
		"short text":        {[]byte("hello, world\n"), ErrForeign, "move the file away"},
		"zeros":             {make([]byte, 64<<10), ErrForeign, "move the file away"},
		"half":              {good[:len(good)/2], ErrDamaged, "restore a backup"},
		"a byte short":      {good[:len(good)-1], ErrDamaged, "restore a backup"},
		"the metas alone":   {good[:2*page], ErrDamaged, "restore a backup"},
		"a page and a half": {good[:page*3/2], ErrDamaged, "restore a backup"},
		"another magic":     {bothMetas(func(m []byte) { m[16]++ }), ErrForeign, "move the file away"},
		"another bbolt":     {bothMetas(func(m []byte) { m[metaVersion]++ }), ErrForeign, "move the file away"},
		"bad checksums":     {bothMetas(func(m []byte) { m[metaTxid]++ }), ErrDamaged, "restore a backup"},
		"an empty database": {foreignFile(t, func(*bolt.Tx) error { return nil }), ErrForeign, "move the file away"},
		"another program's": {foreignFile(t, func(tx *bolt.Tx) error {
			return firstOf(tx.CreateBucket([]byte("meta")))
		}), ErrForeign, "move the file away"},
		"a missing bucket": {foreignFile(t, func(tx *bolt.Tx) error {
			return errors.Join(createSchema(tx), tx.DeleteBucket(bucketQueue))
		}), ErrDamaged, "restore a backup"},
		"a newer schema": {foreignFile(t, func(tx *bolt.Tx) error {
			return errors.Join(createSchema(tx), tx.Bucket(bucketMeta).Put(keySchema, binary.AppendUvarint(nil, schemaVersion+1)))
		}), ErrNewer, "start the version that wrote it"},
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

// Whichever page is zeroed, the process lives and the file stays as it is, or
// opens where nothing needs the page.
func TestZeroedPages(t *testing.T) {
	good := goodFile(t)
	page := os.Getpagesize()
	refused := 0
	for at := 0; at < len(good); at += page {
		damaged := changed(good, func(b []byte) { clear(b[at : at+page]) })
		if err := openDamaged(t, damaged); err != nil {
			refused++
			if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "restore a backup") {
				t.Errorf("page %d: %v", at/page, err)
			}
		}
	}
	if refused < len(good)/page/4 {
		t.Errorf("%d of %d zeroed pages are noticed", refused, len(good)/page)
	}
}

// Damage of any other kind, too, is no panic, neither in Open nor later.
func TestRandomDamage(t *testing.T) {
	good := goodFile(t)
	page := os.Getpagesize()
	rapid.Check(t, func(r *rapid.T) {
		damaged := bytes.Clone(good)
		at := rapid.IntRange(2*page, len(good)-1).Draw(r, "at")
		noise := rapid.SliceOfN(rapid.Byte(), 1, 64).Draw(r, "noise")
		copy(damaged[at:], noise)
		if err := openDamaged(t, damaged); err != nil && !errors.Is(err, ErrDamaged) {
			r.Fatalf("got %v", err)
		}
	})
}

// openDamaged opens a file and, where that succeeds, reads all of it. Where it
// fails the file must be unchanged.
func openDamaged(t *testing.T, content []byte) error {
	t.Helper()
	path := filepath.Join(t.TempDir(), "telemetry.db")
	must(t, os.WriteFile(path, content, 0o600))
	s, err := Open(path, Options{})
	if err != nil {
		if b, readErr := os.ReadFile(path); readErr != nil || !bytes.Equal(b, content) {
			t.Errorf("the file was changed (%v)", readErr)
		}
		return err
	}
	defer s.Close()
	days, err := s.DayVersions()
	for date := range days {
		err = errors.Join(err, s.Instances(t.Context(), date, func(_, _ string, _ rollup.Day) error { return nil }))
	}
	month := rollup.MonthOf(march)
	err = errors.Join(err, s.Fold(t.Context(), "cozystack", month-1, month+1, nil, func(string, []rollup.Month) error { return nil }))
	_, peekErr := s.Peek(1 << 30)
	if err = errors.Join(err, peekErr); err != nil && !errors.Is(err, ErrDamaged) {
		t.Errorf("reading: %v", err)
	}
	return nil
}

// With one meta page damaged bbolt goes back to the commit before.
func TestOneDamagedMeta(t *testing.T) {
	good := goodFile(t)
	page := os.Getpagesize()
	for at := 0; at < 2*page; at += page {
		path := filepath.Join(t.TempDir(), "telemetry.db")
		must(t, os.WriteFile(path, changed(good, func(b []byte) { clear(b[at : at+page]) }), 0o600))
		s := openAt(t, path, Options{})
		if m := stored(t, s); len(m) != 400 {
			t.Errorf("meta %d: %d records", at/page, len(m))
		}
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
		"a folder":           {folder, ErrForeign, "name a file"},
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
		if !errors.Is(err, ErrLocked) {
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

// A crash while the file is made leaves at most a half-made one under another
// name. The next start makes it anew.
func TestCrashWhileTheFileIsMade(t *testing.T) {
	good := goodFile(t)
	for name, leftover := range map[string][]byte{
		"before the first write": nil,
		"in the first write":     good[:5000],
		"before the schema":      foreignFile(t, func(*bolt.Tx) error { return nil }),
		"before the rename":      good,
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "telemetry.db")
			must(t, os.WriteFile(path+".new", leftover, 0o600))
			s := openAt(t, path, Options{})
			if m := stored(t, s); len(m) != 0 {
				t.Errorf("a new file has %d records", len(m))
			}
			if _, err := os.Stat(path + ".new"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the leftover is still there: %v", err)
			}
		})
	}
}
