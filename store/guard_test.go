package store

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/boltfile"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// panicOf returns what f panics with, nil if it returns.
func panicOf(f func()) (p any) {
	defer func() { p = recover() }()
	f()
	return nil
}

// causedHere dereferences nil.
func causedHere() error {
	var r *rollup.Report
	_ = r.Samples
	return nil
}

// What a caller's function does wrong is not the file's damage: it panics where
// the caller sees it, once, with the stack of its cause.
func TestPanicOfACallbackIsItsOwn(t *testing.T) {
	s := open(t, Options{})
	for i := range 64 {
		must(t, s.Record(t.Context(), report(uuid(i<<26), march, "a"), nil))
	}
	month := rollup.MonthOf(march)
	calls := 0
	for name, f := range map[string]func() error{
		"view": func() error { return s.view(func(*bolt.Tx) error { return causedHere() }) },
		"bbolt": func() error {
			return s.view(func(tx *bolt.Tx) error { return tx.ForEach(func([]byte, *bolt.Bucket) error { return causedHere() }) })
		},
		"Fold": func() error {
			return s.Fold(t.Context(), "cozystack", month, month, nil, func(string, []rollup.Month) error {
				calls++
				return causedHere()
			})
		},
		"FoldChanged": func() error { // the instances have none of the metrics
			return s.FoldChanged(t.Context(), "cozystack", month, []string{"b"}, func(string, uint64) bool { return causedHere() == nil }, nil)
		},
		"Instances": func() error {
			return s.Instances(t.Context(), rollup.DateOf(march), func(string, string, rollup.Day) error { return causedHere() })
		},
	} {
		var err error
		p := panicOf(func() { err = f() })
		if p == nil {
			t.Errorf("%s: no panic, and %v", name, err)
			continue
		}
		if name == "Instances" { // no transaction is open: nothing is between it and its caller
			continue
		}
		if bug, ok := p.(error); !ok || errors.Is(bug, dberrors.ErrDamaged) || !strings.Contains(bug.Error(), "nil pointer") || !strings.Contains(bug.Error(), "causedHere") {
			t.Errorf("%s: %v", name, p)
		}
	}
	if calls != 1 {
		t.Errorf("the fold's function was called %d times", calls)
	}
	recordAll(t, s, make(model), report("x", march, "a")) // nothing is left locked
}

// A change that panics fails its transaction; the writer goes on.
func TestPanicOfAChangeIsNoDamage(t *testing.T) {
	s := open(t, Options{})
	err := s.update(t.Context(), func(*bolt.Tx) error { return causedHere() })
	if err == nil || errors.Is(err, dberrors.ErrDamaged) || !strings.Contains(err.Error(), "causedHere") {
		t.Errorf("got %v", err)
	}
	want := make(model)
	recordAll(t, s, want, report("x", march, "a"))
	compareModels(t, stored(t, s), want)
}

// bbolt's own panics, and faults in what is mapped, are damage.
func TestGuardKnowsDamage(t *testing.T) {
	s := open(t, Options{})
	for name, f := range map[string]func() error{
		"an assertion of bbolt":  func() error { return s.view(func(tx *bolt.Tx) error { return tx.Commit() }) },
		"a bucket that is gone":  func() error { return s.view(func(tx *bolt.Tx) error { tx.Bucket([]byte("x")).Sequence(); return nil }) },
		"a file that is cut off": func() error { return readCutOff(t) },
	} {
		if err := f(); !errors.Is(err, dberrors.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// readCutOff reads a mapping behind the end of its file.
func readCutOff(t *testing.T) error {
	t.Helper()
	f, err := os.Create(t.TempDir() + "/mapped")
	must(t, err)
	defer f.Close()
	must(t, f.Truncate(4096))
	mapped, err := syscall.Mmap(int(f.Fd()), 0, 4096, syscall.PROT_READ, syscall.MAP_SHARED)
	must(t, err)
	defer syscall.Munmap(mapped)
	must(t, f.Truncate(0))
	return boltfile.Guard(func() error {
		if mapped[100] != 0 {
			t.Error("there is a byte")
		}
		return nil
	})
}
