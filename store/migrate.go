package store

import (
	"encoding/binary"

	bolt "go.etcd.io/bbolt"
)

// migration leads a file from its schema to the next one.
type migration func(tx *bolt.Tx) error

// migrations are those from oldestSchema on, in their order. There is none yet.
func migrations() []migration { return nil }

// migrate brings a file to the present schema. It runs in one transaction: a crash
// leaves the old file or the new one.
func migrate(tx *bolt.Tx, steps []migration) error {
	for version := schemaOf(tx); version < oldestSchema+uint64(len(steps)); version++ {
		if err := steps[version-oldestSchema](tx); err != nil {
			return err
		}
		if err := putSchema(tx, version+1); err != nil {
			return err
		}
	}
	return nil
}

// schemaOf returns the schema version of a file that has one.
func schemaOf(tx *bolt.Tx) uint64 {
	version, _ := binary.Uvarint(tx.Bucket(bucketMeta).Get(keySchema))
	return version
}

func putSchema(tx *bolt.Tx, version uint64) error {
	return tx.Bucket(bucketMeta).Put(keySchema, binary.AppendUvarint(nil, version))
}
