package rewrite

import (
	"bytes"
	"encoding/binary"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
)

// totals puts up to which day the totals of products were forwarded: up to the first of
// those days, for days that were are the same again, and those that were not would be lost.
func (c *combiner) totals() error {
	through, prefix := make(map[string]int64), layout.TotalsKey("")
	for _, s := range c.from {
		err := s.view(func(tx *bolt.Tx) error {
			at := tx.Bucket(layout.BucketMeta).Cursor()
			for k, v := at.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = at.Next() {
				day, _ := binary.Varint(v)
				if before, ok := through[string(k)]; !ok || day < before {
					through[string(k)] = day
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return c.write(func(tx *bolt.Tx, _ *layout.Dictionaries) error {
		for key, day := range through {
			if err := tx.Bucket(layout.BucketMeta).Put([]byte(key), binary.AppendVarint(nil, day)); err != nil {
				return err
			}
		}
		return nil
	})
}
