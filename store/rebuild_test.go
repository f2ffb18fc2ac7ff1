package store

import (
	"errors"
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rewrite"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// A file whose server was killed while it folded: some of the days' records are in
// the month, and no day is noted as folded. What is made of it is folded.
func TestRebuildFinishesAFold(t *testing.T) {
	dir := t.TempDir()
	month := rollup.MonthOf(march)
	want := make(model)
	path := fileOf(t, filepath.Join(dir, "a"), func(s *Store) {
		recordAll(t, s, want,
			report(uuid(1), march, "a", "b"), report(uuid(2), march.AddDate(0, 0, 1), "a"), report("gone", march, "c"))
		must(t, s.CloseDays(t.Context(), month, month.Last()))
		must(t, s.update(t.Context(), func(tx *bolt.Tx) error {
			b := layout.MonthBucket(tx, month)
			return errors.Join(layout.MonthOf(tx, month, "cozystack").Delete(layout.KeyClosed), layout.RecordsOf(b, "cozystack").Delete(record.Key(uuid(2))))
		}))
	})
	merged := filepath.Join(dir, "merged")
	combined(t, merged, path)
	_, err := rewrite.Forget(t.Context(), path, selection("gone"), march, nil)
	must(t, err)
	for file, without := range map[string]string{merged: "nobody", path: "gone"} {
		checkClean(t, file)
		s := openRead(t, file)
		must(t, s.view(func(tx *bolt.Tx) error {
			if b := layout.MonthOf(tx, month, "cozystack"); layout.DaySet(b, layout.KeyClosed) == 0 || layout.DaySet(b, layout.KeyClosed) != layout.DaySet(b, layout.KeyPending) {
				t.Errorf("%s: folded %b of %b", file, layout.DaySet(b, layout.KeyClosed), layout.DaySet(b, layout.KeyPending))
			}
			return nil
		}))
		expect := make(model)
		for k, d := range want {
			if k.instance != without {
				expect[k] = d
			}
		}
		compareModels(t, stored(t, s), expect)
		compareFolds(t, folded(t, s, "cozystack", month, month, nil), expect.fold("cozystack", month, month, nil))
		must(t, s.Close())
	}
}

// A record that does not decode stops a rewrite, which names it. To forget its
// instance needs no look at it.
func TestForgetOfAnUnreadableRecord(t *testing.T) {
	path := fileOf(t, filepath.Join(t.TempDir(), "a"), func(s *Store) {
		for _, instance := range []string{"bad", "good"} {
			must(t, s.Record(t.Context(), report(instance, march, "a"), nil))
		}
		must(t, s.update(t.Context(), func(tx *bolt.Tx) error {
			return layout.RecordsOf(layout.DayBucket(tx, rollup.DateOf(march)), "cozystack").Put(record.Key("bad"), []byte{1})
		}))
	})
	before := stateOf(t, path)
	if _, err := rewrite.Forget(t.Context(), path, selection("good"), march, nil); !errors.Is(err, dberrors.ErrDamaged) {
		t.Errorf("got %v, want ErrDamaged", err)
	}
	if stateOf(t, path) != before {
		t.Error("the file was changed")
	}
	found, err := rewrite.Forget(t.Context(), path, selection("bad"), march, nil)
	must(t, err)
	if found.Records != 1 {
		t.Errorf("%+v", found)
	}
	checkClean(t, path)
}
