package keys

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

var noon = time.Date(2026, 3, 15, 12, 0, 0, 0, time.UTC)

// world is a server with a clock, whose file has one name.
type world struct {
	*testing.T
	path string
	now  time.Time
	keys *Keys
	// linked is a second name of the file, so that its bytes are seen after its removal.
	linked string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	w := &world{T: t, path: PathFor(filepath.Join(dir, "telemetry.db")), now: noon, linked: filepath.Join(dir, "linked")}
	w.start()
	return w
}

func (w *world) start() {
	w.Helper()
	var err error
	if w.keys, err = Open(w.path, []byte("the file's"), func() time.Time { return w.now }); err != nil {
		w.Fatal(err)
	}
}

// session returns the key of the present day, and gives its file the second name.
func (w *world) session() []byte {
	w.Helper()
	key, err := w.keys.Session(rollup.DateOf(w.now))
	if err != nil || len(key) != keyBytes {
		w.Fatalf("%x, %v", key, err)
	}
	_ = os.Remove(w.linked)
	if err := os.Link(w.path, w.linked); err != nil {
		w.Fatal(err)
	}
	return key
}

// checkGone holds that neither the file nor its bytes are there.
func (w *world) checkGone(key []byte) {
	w.Helper()
	if _, err := os.Stat(w.path); !errors.Is(err, fs.ErrNotExist) {
		w.Errorf("the file is there: %v", err)
	}
	left, err := os.ReadFile(w.linked)
	if err != nil || len(left) == 0 || len(bytes.Trim(left, "\x00")) != 0 {
		w.Errorf("the bytes are %q, %v; the key was %s", left, err, hex.EncodeToString(key))
	}
}

// A day's key is one, also after a restart, is its owner's to read, and no other day has it.
func TestKeyOfADay(t *testing.T) {
	w := newWorld(t)
	key := w.session()
	info, err := os.Stat(w.path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	w.now = noon.Add(11 * time.Hour)
	w.start()
	if again := w.session(); !bytes.Equal(again, key) {
		t.Errorf("%x became %x", key, again)
	}
	for _, other := range []rollup.Date{-1, 1} {
		if key, err := w.keys.Session(rollup.DateOf(w.now) + other); err == nil {
			t.Errorf("another day's is %x", key)
		}
	}
	if instance, err := w.keys.Instance(); string(instance) != "the file's" || err != nil {
		t.Errorf("%q, %v", instance, err)
	}
}

// However a day ends for the server, its key is overwritten and removed, and the key of the
// same day, if the clock comes back to it, is another one.
func TestKeyIsDestroyed(t *testing.T) {
	for name, end := range map[string]func(w *world){
		"the loop looks": func(w *world) {
			w.now = w.now.Add(12 * time.Hour)
			if err := w.keys.Expire(); err != nil {
				w.Error(err)
			}
		},
		"a session comes the next day": func(w *world) {
			w.now = w.now.AddDate(0, 0, 1)
			if _, err := w.keys.Session(rollup.DateOf(w.now)); err != nil {
				w.Error(err)
			}
			if err := os.Remove(w.path); err != nil { // the new day's
				w.Error(err)
			}
		},
		"the server was down": func(w *world) {
			w.now = w.now.AddDate(0, 0, 3)
			w.start()
		},
		"the clock jumps ahead": func(w *world) {
			w.now = w.now.AddDate(5, 0, 0)
			if err := w.keys.Expire(); err != nil {
				w.Error(err)
			}
		},
		"the clock is set back": func(w *world) {
			w.now = w.now.AddDate(0, -1, 0)
			w.start()
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			key := w.session()
			end(w)
			w.checkGone(key)
			w.now = noon
			w.start()
			if again := w.session(); bytes.Equal(again, key) {
				t.Error("the key came back")
			}
		})
	}
}

// What a crash has left half-made, or what is no key, is destroyed.
func TestTornKey(t *testing.T) {
	for _, text := range []string{"", "2026-03-15", "2026-03-15 00ff\n", "never 00", "\xff\xfe"} {
		w := newWorld(t)
		if err := os.WriteFile(w.path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		w.start()
		if _, err := os.Stat(w.path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q is there: %v", text, err)
		}
		w.session()
	}
}

// A key that can't be destroyed is not used, and destroyed as soon as it can be.
func TestKeyThatStays(t *testing.T) {
	w := newWorld(t)
	key := w.session()
	w.now = w.now.AddDate(0, 0, 1)
	aside := w.path + ".aside"
	if err := errors.Join(os.Rename(w.path, aside), os.Mkdir(w.path, 0o700)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if again, err := w.keys.Session(rollup.DateOf(w.now)); err == nil {
			t.Fatalf("%x", again)
		}
	}
	if err := errors.Join(os.Remove(w.path), os.Rename(aside, w.path), w.keys.Expire()); err != nil {
		t.Fatal(err)
	}
	w.checkGone(key)
}

// The loop destroys the key within a minute of the day's end.
func TestLoopDestroysTheKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	synctest.Test(t, func(t *testing.T) {
		k, err := Open(path, nil, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := k.Session(rollup.DateOf(time.Now())); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour+lookEvery)
		defer cancel()
		k.Run(ctx, zerolog.Nop())
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the file is there: %v", err)
		}
	})
}
