// Package keys hands out the keys that names of other products' instances are hashed under:
// that of the file, and that of the day, which lies in a file of its own beside it.
//
// By the key of the day a process is known again until the day ends. Then it is overwritten
// and removed, so nothing can join what a process has sent on two days, and nobody can try
// whether a process was there. It is in no backup and in no mirror, for those are made of
// the database alone. What a file system or a disk keeps of overwritten bytes is beyond
// this.
package keys

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/cozystack/cozystack-telemetry-server/store/durable"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

const (
	keyBytes = 32
	// lookEvery is how long the key of a day may outlive it.
	lookEvery = time.Minute
)

// errDay means that a key is asked for of another day than this.
var errDay = errors.New("keys: there is a key of the present day only")

// Keys implements product.Keys. Its methods may be called concurrently.
type Keys struct {
	instance []byte
	path     string
	now      func() time.Time

	mu sync.Mutex
	// there is set while there is a file, and key, unless nil, is that of the day.
	there bool
	day   rollup.Date
	key   []byte
}

// PathFor returns where the key of the day lies beside a database.
func PathFor(db string) string { return db + ".day-key" }

// Open takes over the key of the day that lies at a path, if there is one: an older one, or
// one that can't be read, is destroyed. instance is the key of the file; nil if no product is
// on that needs one.
func Open(path string, instance []byte, now func() time.Time) (*Keys, error) {
	k := &Keys{instance: instance, path: path, now: now}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return k, nil
	}
	k.there = true
	k.day, k.key = parse(string(text)) // nothing, of what can't be read
	return k, k.Expire()
}

// parse reads what make writes. The key of anything else is nil.
func parse(text string) (rollup.Date, []byte) {
	date, digits, _ := strings.Cut(strings.TrimSuffix(text, "\n"), " ")
	day, err := rollup.ParseDate(date)
	key, hexErr := hex.DecodeString(digits)
	if err != nil || hexErr != nil || len(key) != keyBytes {
		return 0, nil
	}
	return day, key
}

// Instance returns the key of the file.
func (k *Keys) Instance() ([]byte, error) {
	if k.instance == nil {
		return nil, errors.New("keys: no product is on that has instances")
	}
	return k.instance, nil
}

// Session returns the key of the present day, and an error for any other.
func (k *Keys) Session(day rollup.Date) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if day != rollup.DateOf(k.now()) {
		return nil, errDay
	}
	if err := k.expire(); err != nil {
		return nil, err
	}
	if k.key == nil {
		if err := k.make(day); err != nil {
			return nil, fmt.Errorf("keys: make the key of the day: %w", errors.Join(err, k.destroy()))
		}
	}
	return append([]byte(nil), k.key...), nil
}

// Run destroys the key of a day soon after the day, until ctx ends.
func (k *Keys) Run(ctx context.Context, log zerolog.Logger) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	failing := false
	for {
		err := k.Expire()
		if err != nil && !failing {
			log.Error().Err(err).Msg("the key of a day that has ended is still there; remove the file, or let the server do so. It will try again each minute")
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Expire destroys the key of any day but the present one: also of one that is yet to come,
// as a clock that was ahead has left it.
func (k *Keys) Expire() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.expire()
}

func (k *Keys) expire() error {
	if !k.there || k.key != nil && k.day == rollup.DateOf(k.now()) {
		return nil
	}
	if err := k.destroy(); err != nil {
		return fmt.Errorf("keys: destroy the key of a day: %w", err)
	}
	return nil
}

// make makes the key of a day. It is used only once it is on disk: else a restart would
// tell a process twice.
func (k *Keys) make(day rollup.Date) error {
	key := make([]byte, keyBytes)
	_, _ = rand.Read(key) // never fails
	f, err := os.OpenFile(k.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	k.there = true
	_, err = fmt.Fprintf(f, "%s %x\n", day, key)
	err = errors.Join(err, f.Sync(), f.Close(), durable.SyncFolder(filepath.Dir(k.path)))
	if err == nil {
		k.day, k.key = day, key
	}
	return err
}

// destroy overwrites the key and removes its file.
func (k *Keys) destroy() error {
	clear(k.key)
	k.key = nil
	err := overwrite(k.path)
	if err == nil {
		err = errors.Join(os.Remove(k.path), durable.SyncFolder(filepath.Dir(k.path)))
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		k.there = false
		return nil
	}
	return err
}

func overwrite(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		_, err = f.WriteAt(make([]byte, info.Size()), 0)
	}
	return errors.Join(err, f.Sync(), f.Close())
}
