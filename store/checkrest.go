package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// queue decodes and unpacks every block.
func (c *checker) queue(tx *bolt.Tx) error {
	queue := tx.Bucket(layout.BucketQueue)
	return queue.ForEach(func(k, v []byte) error {
		b, err := record.DecodeBlock(k, v)
		var lines []byte
		if err == nil {
			lines, err = record.UnpackBlock(b)
		}
		switch {
		case err != nil:
			c.report(ProblemQueue, "block %x: %v", k, err)
		case bytes.Count(lines, []byte{'\n'}) != b.Samples:
			c.report(ProblemQueue, "block %x: it does not have its %d samples", k, b.Samples)
		case b.Seq > queue.Sequence() || b.Seq == 0 || b.Received.UnixMilli() > math.MaxInt64/2:
			c.report(ProblemQueue, "block %x: its number or its time can't be", k)
		}
		return c.ctx.Err()
	})
}

// snapshots decodes the figures of the months and the list of applications.
func (c *checker) snapshots(tx *bolt.Tx) error {
	if list := tx.Bucket(layout.BucketMeta).Get(layout.KeyAppList); list != nil && !json.Valid(list) {
		c.report(ProblemSnapshot, "the list of applications is no JSON")
	}
	err := tx.Bucket(layout.BucketSnapshots).ForEach(func(k, v []byte) error {
		if v != nil {
			c.report(ProblemKey, "snapshots: %q is not a product", k)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return layout.EachSnapshot(tx, func(product string, k, v []byte) error {
		snap, err := record.DecodeRanked(product, v)
		if err != nil {
			c.report(ProblemSnapshot, "%s: %s: %v", product, k, err)
		} else if snap.Month.String() != string(k) {
			c.report(ProblemSnapshot, "%s: %s: it is of %s", product, k, snap.Month)
		}
		return c.ctx.Err()
	})
}

// excluded decodes what is noted of the instances that figures leave out.
func (c *checker) excluded(tx *bolt.Tx) error {
	err := layout.EachExcluded(tx, func(rollup.Exclusion) error { return c.ctx.Err() })
	if errors.Is(err, dberrors.ErrDamaged) {
		c.report(ProblemExcluded, "%v", err)
		return nil
	}
	return err
}
