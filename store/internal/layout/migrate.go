package layout

import (
	"encoding/binary"

	bolt "go.etcd.io/bbolt"
)

// Migration leads a file from its schema to the next one.
type Migration func(tx *bolt.Tx) error

// Migrations are those from OldestSchema on, in their order.
func Migrations() []Migration { return []Migration{toSchema3} }

// Migrate brings a file to the present schema. It runs in one transaction: a crash
// leaves the old file or the new one.
func Migrate(tx *bolt.Tx, steps []Migration) error {
	for version := SchemaOf(tx); version < OldestSchema+uint64(len(steps)); version++ {
		if err := steps[version-OldestSchema](tx); err != nil {
			return err
		}
		if err := PutSchema(tx, version+1); err != nil {
			return err
		}
	}
	return nil
}

// SchemaOf returns the schema version of a file that has one.
func SchemaOf(tx *bolt.Tx) uint64 {
	version, _ := binary.Uvarint(tx.Bucket(BucketMeta).Get(KeySchema))
	return version
}

// PutSchema notes the schema version of a file.
func PutSchema(tx *bolt.Tx, version uint64) error {
	return tx.Bucket(BucketMeta).Put(KeySchema, binary.AppendUvarint(nil, version))
}
