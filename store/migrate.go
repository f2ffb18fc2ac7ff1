package store

import (
	"encoding/binary"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// migrate brings a file of an older schema to the present one. It runs in one
// transaction: a crash leaves the old file or the new one.
func migrate(tx *bolt.Tx) error {
	version, _ := binary.Uvarint(tx.Bucket(bucketMeta).Get(keySchema))
	if version == schemaVersion {
		return nil
	}
	if version < 2 {
		if err := migrateMonths(tx); err != nil {
			return err
		}
	}
	return putSchemaVersion(tx)
}

// keyClosed stood in a month's bucket in schema 1, once all its days had been
// folded. Schema 2 knows of each day.
var keyClosed = []byte("closed")

// migrateMonths marks the days of closed months as folded. A month that was being
// folded when the server stopped is dropped: it is folded again from its days.
func migrateMonths(tx *bolt.Tx) error {
	months := tx.Bucket(bucketMonths)
	var names [][]byte
	if err := months.ForEachBucket(func(k []byte) error {
		names = append(names, append([]byte(nil), k...))
		return nil
	}); err != nil {
		return err
	}
	for _, name := range names {
		if err := migrateMonth(tx, months, name); err != nil {
			return err
		}
	}
	return nil
}

func migrateMonth(tx *bolt.Tx, months *bolt.Bucket, name []byte) error {
	b := months.Bucket(name)
	if b.Get(keyClosed) == nil {
		return months.DeleteBucket(name)
	}
	id, err := rollup.ParseMonth(string(name))
	if err != nil {
		return err
	}
	all := rollup.DaySet(1)<<id.Days() - 1
	if err := addDays(tx, id, keyPending, all); err != nil {
		return err
	}
	if err := addDays(tx, id, keyFolded, all); err != nil {
		return err
	}
	return b.Delete(keyClosed)
}
