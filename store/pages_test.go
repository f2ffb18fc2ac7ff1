package store

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

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
			if !errors.Is(err, dberrors.ErrDamaged) || !strings.Contains(err.Error(), "restore a backup") {
				t.Errorf("page %d: %v", at/page, err)
			}
		}
	}
	if refused < len(good)/page/4 {
		t.Errorf("%d of %d zeroed pages are noticed", refused, len(good)/page)
	}
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
	days, err := s.Days()
	for _, date := range days {
		err = errors.Join(err, s.Instances(t.Context(), date, func(_, _ string, _ rollup.Day) error { return nil }))
	}
	month := rollup.MonthOf(march)
	err = errors.Join(err, s.Fold(t.Context(), "cozystack", month-1, month+1, nil, func(string, []rollup.Month) error { return nil }))
	_, peekErr := s.QueueOf("cozystack").Peek(1 << 30)
	if err = errors.Join(err, peekErr); err != nil && !errors.Is(err, dberrors.ErrDamaged) {
		t.Errorf("reading: %v", err)
	}
	return nil
}

// Buckets that contain themselves have no end.
func TestEndlessBuckets(t *testing.T) {
	deep := foreignFile(t, func(tx *bolt.Tx) error {
		err := layout.CreateSchema(tx)
		b := tx.Bucket(layout.BucketDays)
		for range 4 { // a bucket more than in a file of ours
			if err == nil {
				b, err = b.CreateBucket([]byte("deeper"))
			}
		}
		return err
	})
	if err := openDamaged(t, deep); !errors.Is(err, dberrors.ErrDamaged) {
		t.Errorf("got %v", err)
	}
}

// A file that is found damaged is let go of: the next attempt says the same.
func TestDamagedFileIsLetGo(t *testing.T) {
	good := goodFile(t)
	path := filepath.Join(t.TempDir(), "telemetry.db")
	// The keys of the days come out of order.
	must(t, os.WriteFile(path, bytes.ReplaceAll(good, []byte("2026-02-05"), []byte("2026-09-05")), 0o600))
	for range 2 {
		if _, err := Open(path, Options{}); !errors.Is(err, dberrors.ErrDamaged) {
			t.Errorf("got %v", err)
		}
	}
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
