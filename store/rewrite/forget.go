package rewrite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/boltfile"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/fold"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Forget removes a selection from a file that no one has open: records of days and
// months, and lines in the queue. It returns what the file had of it. Of a month whose
// days are meant in part the instances' records are made anew of the days that stay;
// where these are not there any more, it fails with *ErrInseparable. The figures of final
// months are sums over all instances; they stay. Those of a month that is still counted
// are counted anew. The file notes at the time now that instances were forgotten.
//
// The whole file is written anew, record by record, and takes the place of the old
// one in one step: no byte of what is forgotten is left in it, not even in space that is
// not used, nor a series that no one else has. The file stays the same database,
// and each day that had any of it gets a higher version, so that a mirror
// follows. What retention has removed may still lie in unused space: that goes too,
// so the file is also rewritten if it has no record of the selection any more.
//
// progress is as in [Compact].
func Forget(ctx context.Context, path string, sel rollup.Selection, now time.Time, progress func(done, total int64)) (Found, error) {
	// A rename over a symbolic link would leave the file that it points to.
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	db, err := layout.OpenAtRest(path, false)
	if err != nil {
		return Found{}, fmt.Errorf("store: %w", err)
	}
	f := newForgetter(ctx, &database{DB: db}, sel, now, progress)
	err = boltfile.Replace(path, layout.CheckSchema, f.make, nil)
	if err = errors.Join(err, db.Close()); err != nil {
		return Found{}, fmt.Errorf("store: forget in %s: %w%s", path, err, dberrors.RemedyAtRest(err))
	}
	return f.found, nil
}

// forgetter makes a file of another one without a selection.
type forgetter struct {
	rebuild
	sel    rollup.Selection
	now    time.Time
	found  Found
	blocks *record.BlockEncoder
}

func newForgetter(ctx context.Context, from *database, sel rollup.Selection, now time.Time, progress func(done, total int64)) *forgetter {
	f := &forgetter{sel: sel, now: now, blocks: record.NewBlockEncoder()}
	f.rebuild = rebuild{ctx: ctx, from: []*database{from}, progress: progress, drops: f.drops, ownKept: f.ownKept, afterDays: f.refold}
	return f
}

// make makes the new file.
func (f *forgetter) make(temp string) (keys int, err error) {
	err = f.from[0].view(func(tx *bolt.Tx) (err error) {
		f.found, err = Survey(f.ctx, tx, f.sel)
		return err
	})
	if err != nil {
		return 0, err
	}
	return f.fill(temp, f.begin, f.rest)
}

// begin copies the file but for the records.
func (f *forgetter) begin(stage string) error {
	return f.from[0].view(func(tx *bolt.Tx) error {
		_, err := boltfile.CopyTx(f.ctx, tx, stage, boltfile.CopyOptions{Skip: isRecords})
		return err
	})
}

// isRecords tells whether a path is that of a product's records, or of its series, in a
// day or a month.
func isRecords(path [][]byte) bool {
	if len(path) != 4 {
		return false
	}
	root := string(path[0])
	return root == string(layout.BucketDays) || root == string(layout.BucketMonths)
}

// drops tells whether an instance's record is left out. Of a month that is meant in part
// refold makes those anew that are of any day that is meant.
func (f *forgetter) drops(name layout.PartitionName, instance string) bool {
	if !f.sel.HasInstance(name.Product, instance) {
		return false
	}
	if name.Own {
		return f.sel.DaysOf(name.Month) == allDays(name.Month)
	}
	return f.sel.HasDay(name.Day)
}

// ownKept leaves out of a month's own records those that refold makes anew.
func (f *forgetter) ownKept(name layout.PartitionName, chunk []rollup.InstanceMonth) []rollup.InstanceMonth {
	wanted := f.sel.DaysOf(name.Month)
	return slices.DeleteFunc(chunk, func(m rollup.InstanceMonth) bool {
		return m.Month.Days()&wanted != 0 && f.sel.HasInstance(name.Product, m.Instance)
	})
}

// refold makes a month's records anew, of some closed days that stay, if only others of
// its days are meant. Those that are as they were are not changed by it.
func (f *forgetter) refold(product string, month rollup.MonthID, closed rollup.DaySet) error {
	wanted := f.sel.DaysOf(month)
	if product != f.sel.Product || wanted == 0 || wanted == allDays(month) || closed&^wanted == 0 {
		return nil
	}
	return fold.Days(f.ctx, f.into.view, product, month, closed, func(chunk []rollup.InstanceMonth) error {
		chunk = slices.DeleteFunc(chunk, func(m rollup.InstanceMonth) bool { return !f.sel.HasInstance(product, m.Instance) })
		return f.putMonths(product, month)(chunk)
	})
}

// rest takes the selection out of what is no record.
func (f *forgetter) rest() error {
	return errors.Join(f.figures(), f.exclusions(), f.queue(), f.note())
}
