package store

import (
	"context"
	"encoding/binary"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// QueueTotals appends lines with the totals of a product's day to the forward queue, and
// notes in the same transaction that those up to the day were queued. Lines may be empty.
func (s *Store) QueueTotals(ctx context.Context, product string, day rollup.Date, lines []byte) error {
	err := s.submit(ctx, &request{
		report: &rollup.Report{Product: product, Received: day.Start()},
		totals: true,
		lines:  lines,
		apply: func(tx *bolt.Tx, _ *layout.Dictionaries) error {
			return tx.Bucket(layout.BucketMeta).Put(layout.TotalsKey(product), binary.AppendVarint(nil, int64(day)))
		},
	})
	if err != nil {
		return fmt.Errorf("store: queue the totals of %s of %s: %w", day, product, err)
	}
	return nil
}

// TotalsThrough returns the last day of a product whose totals were queued; ok is false if
// none ever were.
func (s *Store) TotalsThrough(product string) (day rollup.Date, ok bool, err error) {
	note, err := s.note(layout.TotalsKey(product))
	through, n := binary.Varint(note)
	return rollup.Date(through), n > 0, err
}
