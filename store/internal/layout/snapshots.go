package layout

import (
	"bytes"
	"errors"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// SnapshotsOf returns the bucket with the figures of a product's months, nil if it has
// none. Cozystack's are those of [rollup.Snapshot], all others' of
// [rollup.ProductSnapshot].
func SnapshotsOf(tx *bolt.Tx, product string) *bolt.Bucket {
	return tx.Bucket(BucketSnapshots).Bucket([]byte(product))
}

// EachSnapshot calls fn with the stored figures, by product and month. The bytes are the
// transaction's.
func EachSnapshot(tx *bolt.Tx, fn func(product string, month, v []byte) error) error {
	root := tx.Bucket(BucketSnapshots)
	return root.ForEachBucket(func(product []byte) error {
		return root.Bucket(product).ForEach(func(month, v []byte) error { return fn(string(product), month, v) })
	})
}

// PutSnapshot stores the figures of a product's month, unless they are stored already.
func PutSnapshot(tx *bolt.Tx, product string, month rollup.MonthID, v []byte) error {
	b, err := tx.Bucket(BucketSnapshots).CreateBucketIfNotExists([]byte(product))
	if err != nil {
		return err
	}
	key := []byte(month.String())
	if bytes.Equal(b.Get(key), v) {
		return nil
	}
	return b.Put(key, v)
}

// snapshotsByProduct moves the snapshots of schema 2 to their product.
func snapshotsByProduct(tx *bolt.Tx) error {
	root := tx.Bucket(BucketSnapshots)
	var months [][]byte
	err := root.ForEach(func(month, _ []byte) error {
		months = append(months, bytes.Clone(month))
		return nil
	})
	b, bucketErr := root.CreateBucketIfNotExists([]byte(rollup.Cozystack))
	if err = errors.Join(err, bucketErr); err != nil {
		return err
	}
	for _, month := range months {
		err = errors.Join(err, b.Put(month, bytes.Clone(root.Get(month))), root.Delete(month))
	}
	return err
}
