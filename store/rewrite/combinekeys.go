package rewrite

import (
	"bytes"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// chooseKey says under which key the new file hashes names: that of the files that have
// instances of other products than cozystack. If these have several, it fails with ErrKeys,
// for who has reported to two of the files would count twice. A file without a key, such as
// one that was restored, is as good as any.
func (c *combiner) chooseKey() error {
	used := false // the key is that of a file with instances
	for _, s := range c.from {
		var key []byte
		var uses bool
		err := s.view(func(tx *bolt.Tx) (err error) {
			key = bytes.Clone(tx.Bucket(layout.BucketMeta).Get(layout.KeyIdentity))
			uses, err = hasOthers(tx)
			return err
		})
		switch {
		case err != nil:
			return err
		case key == nil || used && !uses:
		case used && !bytes.Equal(key, c.key):
			return dberrors.ErrKeys
		case uses && !used, c.key == nil, bytes.Compare(key, c.key) < 0:
			c.key, used = key, uses
		}
	}
	return nil
}

// hasOthers tells whether a file has records of another product than cozystack.
func hasOthers(tx *bolt.Tx) (others bool, err error) {
	months, err := layout.MonthsOf(tx)
	for _, month := range months {
		if err != nil {
			return false, err
		}
		var products []string
		products, err = layout.ProductsOf(tx, month)
		for _, p := range products {
			others = others || p != rollup.Cozystack
		}
	}
	return others, err
}

func (c *combiner) putKey() error {
	if c.key == nil {
		return nil
	}
	return c.write(func(tx *bolt.Tx, _ *layout.Dictionaries) error {
		return tx.Bucket(layout.BucketMeta).Put(layout.KeyIdentity, c.key)
	})
}
