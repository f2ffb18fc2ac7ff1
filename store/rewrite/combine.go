package rewrite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/boltfile"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Combined tells what Combine has left out.
type Combined struct {
	// QueuedSamples is how many samples wait to be forwarded in the files. They are
	// not in the new file.
	QueuedSamples int64
	// DaysLeftOut is how many days are only in the new file's months, since one of
	// the files had removed what it had of them.
	DaysLeftOut int
	// SnapshotsDropped is how many months lost their figures, since those were
	// computed from one file's rollups, and the merged ones know more.
	SnapshotsDropped int
}

// Combine writes a new file with what all of some files have. None of them is
// changed, and no server may have one open. The result does not depend on their
// order, and a file that is named twice counts once.
//
//   - Days and months are merged by the law of merging: the result is that of a
//     server that saw all reports.
//   - A day that any of the files has closed, or was closing, is closed.
//   - A day that one file has removed can't be told as a whole, also if a late report
//     has brought it back there: it is merged into the month, and left out as a day.
//   - Of a month's figures the best ones stay, by the rule of [rollup.Snapshot.Compare].
//     Figures from rollups are dropped if several files have records of the month and do
//     not agree on them: the merged rollups know more. Others that a file with records
//     does not have are to be checked again. The best of those of which days were
//     removed that no month has, as of sessions, stay too, and are no longer final.
//   - What any of the files excludes is excluded. Figures that were not counted so are
//     stale, if the month has records of it.
//   - Names are hashed under the key that the files have. Files with instances under
//     different keys are not merged: it fails with [dberrors.ErrKeys].
//   - The list of applications is the one that was fetched last.
//   - The reports that each file has counted are added up; a file that is part of several
//     counts once.
//   - The queues are left out, for the files' servers still forward them.
//
// Memory does not grow with the files. progress and the new file are as in
// [Compact].
func Combine(ctx context.Context, into string, from []string, progress func(done, total int64)) (Combined, error) {
	c := combiner{rebuild: rebuild{ctx: ctx, progress: progress, wholeDays: true}}
	err := c.open(from)
	if err == nil {
		err = c.chooseKey()
	}
	if err == nil {
		err = boltfile.Create(into, layout.CheckSchema, func(temp string) (int, error) {
			return c.fill(temp, layout.MakeFile, func() error {
				return errors.Join(c.exclusions(), c.snapshots(), c.appList(), c.forgotten(), c.putKey(), c.totals(), c.reports(), c.queues())
			})
		})
	}
	if err = errors.Join(err, c.close()); err != nil {
		return Combined{}, fmt.Errorf("store: merge into %s: %w", into, err)
	}
	c.left.DaysLeftOut = c.leftOut
	return c.left, nil
}

type combiner struct {
	rebuild
	left Combined
	// excluded are the exclusions of the new file, by product.
	excluded map[string]rollup.Exclusions
	// key is what the new file hashes names under; nil: none of the files has one.
	key []byte
}

func (c *combiner) open(paths []string) error {
	var opened []os.FileInfo
	for _, path := range paths {
		info, err := os.Stat(path) // what is wrong, the open tells
		if err == nil && slices.ContainsFunc(opened, func(o os.FileInfo) bool { return os.SameFile(o, info) }) {
			continue
		}
		opened = append(opened, info)
		db, err := layout.OpenAtRest(path, true)
		if err != nil {
			return err
		}
		c.from = append(c.from, &database{DB: db})
	}
	return nil
}

func (c *combiner) close() (err error) {
	for _, s := range c.from {
		err = errors.Join(err, s.Close())
	}
	return err
}

// queues counts what is left out. What can't be read counts as nothing.
func (c *combiner) queues() error {
	for _, s := range c.from {
		err := s.view(func(tx *bolt.Tx) error {
			return tx.Bucket(layout.BucketQueue).ForEach(func(k, v []byte) error {
				if b, err := record.DecodeBlock(k, v); err == nil {
					c.left.QueuedSamples += int64(b.Samples)
				}
				return nil
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}
