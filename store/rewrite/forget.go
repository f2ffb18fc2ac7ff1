package rewrite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/boltfile"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
)

// Forget removes an instance from a file that no one has open: its records of all
// days and months, and its lines in the queue. It returns how many records and lines
// these were. The figures of final months are sums over all instances; they stay.
// Those of a month that is still counted are counted anew.
//
// The whole file is written anew, record by record, and takes the place of the old
// one in one step: no byte of the instance is left in it, not even in space that is
// not used, nor a series that no one else has. The file stays the same database,
// and each day that had the instance gets a higher version, so that a mirror
// follows. What retention has removed may still lie in unused space: that goes too,
// so the file is also rewritten if it has no record of the instance any more.
//
// progress is as in [Compact].
func Forget(ctx context.Context, path string, product, instance string, progress func(done, total int64)) (removed int, err error) {
	// A rename over a symbolic link would leave the file that it points to.
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	db, err := layout.OpenAtRest(path, false)
	if err != nil {
		return 0, fmt.Errorf("store: %w", err)
	}
	f := forgetter{rebuild: rebuild{ctx: ctx, progress: progress}, instance: instance, blocks: record.NewBlockEncoder()}
	f.keep = func(p, i string) bool { return p != product || i != instance }
	f.from = []*database{{DB: db}}
	err = boltfile.Replace(path, layout.CheckSchema, func(temp string) (int, error) { return f.fill(temp, f.begin, f.rest) })
	if err = errors.Join(err, db.Close()); err != nil {
		return 0, fmt.Errorf("store: forget in %s: %w%s", path, err, dberrors.RemedyAtRest(err))
	}
	return f.removed, nil
}

type forgetter struct {
	rebuild
	instance string
	blocks   *record.BlockEncoder
}

// begin copies the file but for the records.
func (f *forgetter) begin(stage string) error {
	_, err := boltfile.Copy(f.ctx, f.from[0].DB, stage, boltfile.CopyOptions{Skip: isRecords})
	return err
}

// isRecords tells whether a path is that of a product's records, or of its series, in a
// day or a month.
func isRecords(path [][]byte) bool {
	root := string(path[0])
	return len(path) == 4 && (root == string(layout.BucketDays) || root == string(layout.BucketMonths))
}

// rest takes the instance out of what is no record.
func (f *forgetter) rest() error {
	for _, month := range f.touched {
		if err := f.figures(month); err != nil {
			return err
		}
	}
	return errors.Join(f.exclusions(), f.queue())
}
