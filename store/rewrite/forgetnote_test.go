package rewrite

import (
	"path/filepath"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/boltfile"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// The list of what was forgotten does not grow without end, and still covers all of it:
// the oldest notes become one. What two files have from one another stands there once.
func TestNotesAreBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	if err := layout.MakeFile(path); err != nil {
		t.Fatal(err)
	}
	db, err := boltfile.Open(path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	begin := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	month := rollup.MonthOf(begin)
	note := func(n int) rollup.Forgotten {
		return rollup.Forgotten{At: begin.AddDate(0, 0, n), Product: rollup.Cozystack, Instances: 1, From: month - rollup.MonthID(n%7), To: month + rollup.MonthID(n)}
	}
	var notes []rollup.Forgotten
	for n := range 3 * mostNotes {
		err := db.Update(func(tx *bolt.Tx) (err error) {
			if err = putNotes(tx, []rollup.Forgotten{note(n), note(n)}); err == nil {
				notes, err = record.DecodeForgotten(tx.Bucket(layout.BucketMeta).Get(layout.KeyForgotten))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	instances := 0
	for _, n := range notes {
		instances += n.Instances
	}
	if len(notes) != mostNotes || instances != 3*mostNotes {
		t.Errorf("%d notes of %d instances", len(notes), instances)
	}
	if first := notes[0]; first.From != month-6 || !first.Covers(month, begin.AddDate(0, 0, -1)) || first.Covers(month, first.At) {
		t.Errorf("the oldest is %+v", first)
	}
	if last := notes[mostNotes-1]; last != note(3*mostNotes-1) {
		t.Errorf("the newest is %+v", last)
	}
}
