package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func text(s string) func(string) error {
	return Writing(func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	})
}

// names returns what is in a folder.
func names(t *testing.T, folder string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	must(t, err)
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return string(b)
}

func TestCreateNeverReplaces(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	mine := func(string) error { return os.WriteFile(path, []byte("mine"), 0o600) }
	comes := func(unfinished string) error { return errors.Join(text("new")(unfinished), mine("")) }
	if err := Create(path, comes); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a file that comes meanwhile: %v", err)
	}
	called := false
	err := Create(path, func(string) error { called = true; return nil })
	if !errors.Is(err, fs.ErrExist) || called {
		t.Errorf("a file that is there: %v, the work was done: %t", err, called)
	}
	if content(t, path) != "mine" || !slices.Equal(names(t, filepath.Dir(path)), []string{"a.db"}) {
		t.Errorf("%q in %v", content(t, path), names(t, filepath.Dir(path)))
	}
	must(t, Replace(path, comes))
	if content(t, path) != "new" || !slices.Equal(names(t, filepath.Dir(path)), []string{"a.db"}) {
		t.Errorf("replaced: %q in %v", content(t, path), names(t, filepath.Dir(path)))
	}
}

// What fails leaves the old file and nothing else.
func TestWhatFailsLeavesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.txt")
	must(t, Create(path, text("old")))
	broken := errors.New("broken")
	half := Writing(func(w io.Writer) error { _, _ = io.WriteString(w, "half"); return broken })
	if err := Replace(path, half); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if err := Create(path+"2", half); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if content(t, path) != "old" || !slices.Equal(names(t, filepath.Dir(path)), []string{"a.txt"}) {
		t.Errorf("%q in %v", content(t, path), names(t, filepath.Dir(path)))
	}
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

// What crashes have left goes; what is a user's, what is of another file, and what
// somebody works in, stays.
func TestTidy(t *testing.T) {
	folder := t.TempDir()
	in := func(name string) string { return filepath.Join(folder, name) }
	stay := []string{"a.db.1.tmp", ".a.db.tmp", ".a.db.x.tmp", ".b.db.1.tmp", "notes.txt"}
	for _, name := range append(slices.Clone(stay), ".a.db.12.tmp") {
		must(t, os.WriteFile(in(name), []byte("half"), 0o600))
	}
	must(t, os.MkdirAll(in(".a.db.13.tmp/deep"), 0o700))
	must(t, os.WriteFile(in(".a.db.13.tmp/unfinished"), []byte("half"), 0o600))
	must(t, os.Symlink(folder, in(".a.db.14.tmp")))
	works, err := OpenWorkshop(in("a.db"))
	must(t, err)
	isA := func(name string) bool { return name == "a.db" }
	must(t, Tidy(folder, isA))
	stay = append(stay, ".a.db.14.tmp")
	if want := append(slices.Clone(stay), filepath.Base(works.folder)); !slices.Equal(names(t, folder), slices.Sorted(slices.Values(want))) {
		t.Errorf("there is %v, want %v", names(t, folder), want)
	}
	must(t, works.Close())
	must(t, Tidy(folder, isA))
	if !slices.Equal(names(t, folder), slices.Sorted(slices.Values(stay))) {
		t.Errorf("there is %v, want %v", names(t, folder), stay)
	}
	must(t, Tidy(in("none"), isA))
}

// Whoever publishes and whoever tidies up do not disturb each other.
func TestPublishBesideTidy(t *testing.T) {
	folder := t.TempDir()
	stop := make(chan struct{})
	var makers, tidiers sync.WaitGroup
	for range 3 {
		tidiers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := Tidy(folder, func(string) bool { return true }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range 4 {
		makers.Go(func() {
			for n := range 50 {
				if err := Replace(filepath.Join(folder, fmt.Sprint(i)), text(fmt.Sprint(n))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	makers.Wait()
	close(stop)
	tidiers.Wait()
	if got := names(t, folder); !slices.Equal(got, []string{"0", "1", "2", "3"}) {
		t.Errorf("there is %v", got)
	}
}

func TestLeftOver(t *testing.T) {
	for name, want := range map[string]string{
		".a.db.123.tmp":   "a.db",
		".a.123.tmp":      "a",
		".a.b.db.1.tmp":   "a.b.db",
		".a.db.tmp":       "",
		".a.db.12x.tmp":   "",
		"a.db.123.tmp":    "",
		".a.db..tmp":      "",
		"..123.tmp":       "",
		".a.db.123":       "",
		"telemetry.db":    "",
		".123.tmp":        "",
		".a.db.1.new.tmp": "",
	} {
		if of, ok := LeftOver(name); of != want || ok != (want != "") {
			t.Errorf("%s: got %q, %t, want %q", name, of, ok, want)
		}
	}
}

// The name of a workshop is one that Tidy knows.
func TestWorkshopsAreLeftOvers(t *testing.T) {
	w, err := OpenWorkshop(filepath.Join(t.TempDir(), "2026-03.json"))
	must(t, err)
	if of, ok := LeftOver(filepath.Base(w.folder)); !ok || of != "2026-03.json" || !strings.HasPrefix(w.Path("x"), w.folder) {
		t.Errorf("%s is one of %q, %t", w.folder, of, ok)
	}
	must(t, w.Close())
}

// A folder is made with those above it, for its owner alone; there may be one already,
// but no file in its place.
func TestMakeFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b")
	for range 2 {
		if err := MakeFolder(path); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || !info.IsDir() || info.Mode().Perm() != 0o700 {
			t.Errorf("it is %v, %v", info, err)
		}
	}
	file := filepath.Join(path, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, filepath.Join(file, "c")} {
		if err := MakeFolder(path); !errors.Is(err, syscall.ENOTDIR) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
