package store

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/boltfile"
)

// fullFile is a file that has just found no room, with a clock that the test sets.
type fullFile struct {
	*Store
	clock  atomic.Int64 // in nanoseconds
	failed atomic.Int64 // how many commits have failed
	want   model
}

func newFullFile(t *testing.T) *fullFile {
	t.Helper()
	f := &fullFile{want: make(model)}
	f.Store = open(t, Options{
		MaxBytes: smallBound,
		Now:      func() time.Time { return time.Unix(0, f.clock.Load()) },
		OnCommit: func(c Commit) {
			if c.Err != nil {
				f.failed.Add(1)
			}
		},
	})
	fill(t, f.Store, f.want, 700_000)
	return f
}

// large is a report that finds no room, small is one that does. It is not larger than a
// piece: what was removed need not lie in a larger one, since some pages between stay.
func (f *fullFile) large(t *testing.T) error {
	return f.Record(t.Context(), report("large", march, "a"), noise(boltfile.PieceBytes))
}

func (f *fullFile) small(t *testing.T) error {
	r := report("small", march, "a")
	err := f.Record(t.Context(), r, nil)
	if err == nil {
		f.want.add(r)
	}
	return err
}

// bbolt scans the whole file after each commit that fails, so there are few of
// them while the file is full.
func TestFullFileIsTriedAtAPace(t *testing.T) {
	f := newFullFile(t)
	for range 50 {
		must(t, f.Remove(t.Context(), nil)) // makes no room
		if err := errors.Join(f.small(t), f.large(t)); !errors.Is(err, dberrors.ErrFull) {
			t.Fatalf("got %v", err)
		}
		if err := f.Ready(t.Context()); !errors.Is(err, dberrors.ErrFull) {
			t.Fatalf("ready: %v", err)
		}
	}
	if n := f.failed.Load(); n != 1 {
		t.Errorf("%d commits have failed, want the first one only", n)
	}
	f.clock.Add(int64(boltfile.LeastPause))
	if err := f.large(t); !errors.Is(err, dberrors.ErrFull) || f.failed.Load() != 2 {
		t.Errorf("after the pause: %v, %d commits have failed", err, f.failed.Load())
	}
	f.clock.Add(int64(boltfile.LeastPause) - 1)
	if err := f.large(t); !errors.Is(err, dberrors.ErrFull) || f.failed.Load() != 2 {
		t.Errorf("within the second pause: %v, %d commits have failed", err, f.failed.Load())
	}
	// A removal makes room: what adds need not wait for the clock.
	must(t, f.Remove(t.Context(), allBlocks(t, f.Store)))
	must(t, f.small(t))
	must(t, f.large(t))
	must(t, f.Ready(t.Context()))
	compareQueue(t, f.Store)
}

// A small commit that finds room does not make the file ready: that shows nothing
// of the next report.
func TestReadyOnceAPieceFits(t *testing.T) {
	f := newFullFile(t)
	for range 3 {
		f.clock.Add(int64(boltfile.LeastPause))
		must(t, f.small(t))
		if err := f.Ready(t.Context()); !errors.Is(err, dberrors.ErrFull) {
			t.Fatalf("ready after a small commit: %v", err)
		}
		must(t, f.Remove(t.Context(), nil))
		if err := f.Ready(t.Context()); !errors.Is(err, dberrors.ErrFull) {
			t.Fatalf("ready after a removal of nothing: %v", err)
		}
	}
	must(t, f.Remove(t.Context(), allBlocks(t, f.Store)))
	must(t, f.Ready(t.Context()))
	before := f.failed.Load()
	must(t, f.Ready(t.Context()))
	must(t, f.small(t))
	if f.failed.Load() != before {
		t.Error("a probe has failed")
	}
	compareModels(t, stored(t, f.Store), f.want)
}
