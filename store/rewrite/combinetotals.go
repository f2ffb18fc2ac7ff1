package rewrite

import (
	"bytes"
	"encoding/binary"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// totals puts up to which day the totals of products were forwarded: up to the first of
// those days, for days that were are the same again, and those that were not would be lost.
func (c *combiner) totals() error {
	products := make(map[string]struct{})
	for _, s := range c.from {
		err := s.view(func(tx *bolt.Tx) error {
			at, prefix := tx.Bucket(layout.BucketMeta).Cursor(), layout.TotalsKey("")
			for k, _ := at.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = at.Next() {
				products[string(k[len(prefix):])] = struct{}{}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for product := range products {
		if err := c.totalsOf(product); err != nil {
			return err
		}
	}
	return nil
}

// totalsOf does so for a product of which a file has a note.
func (c *combiner) totalsOf(product string) error {
	var first rollup.Date
	found := false
	for _, s := range c.from {
		err := s.view(func(tx *bolt.Tx) error {
			day, ok, err := totalsThrough(tx, product)
			if ok && (!found || day < first) {
				first, found = day, true
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return c.write(func(tx *bolt.Tx, _ *layout.Dictionaries) error {
		return tx.Bucket(layout.BucketMeta).Put(layout.TotalsKey(product), binary.AppendVarint(nil, int64(first)))
	})
}

// totalsThrough returns up to which day a file's totals of a product were forwarded: where
// none were, that is the day before its first one. ok is false if it has no days either.
func totalsThrough(tx *bolt.Tx, product string) (day rollup.Date, ok bool, err error) {
	if note := tx.Bucket(layout.BucketMeta).Get(layout.TotalsKey(product)); note != nil {
		through, _ := binary.Varint(note)
		return rollup.Date(through), true, nil
	}
	dates, err := layout.DatesOf(tx)
	i := slices.IndexFunc(dates, func(d rollup.Date) bool { return layout.DayOf(tx, d, product) != nil })
	if i < 0 {
		return 0, false, err
	}
	return dates[i] - 1, true, err
}
