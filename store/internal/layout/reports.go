package layout

import (
	"bytes"
	"encoding/binary"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// reportsPrefix begins the keys of meta that count reports: of a product, in a month, that
// the file of a name has taken. A file adds to its own count alone, so of two counts of one
// name the higher one holds, and several names are added up: files can be merged twice.
const reportsPrefix = "reports/"

func reportsOf(product string, month rollup.MonthID) string {
	return reportsPrefix + product + "/" + month.String() + "/"
}

// CountReports adds to what the file itself has counted.
func CountReports(tx *bolt.Tx, product string, month rollup.MonthID, n uint64) error {
	meta := tx.Bucket(BucketMeta)
	key := reportsOf(product, month) + string(meta.Get(KeyID))
	before, _ := binary.Uvarint(meta.Get([]byte(key)))
	return meta.Put([]byte(key), binary.AppendUvarint(nil, before+n))
}

// Reports returns how many reports were counted, by all files that this one was made of.
func Reports(tx *bolt.Tx, product string, month rollup.MonthID) (sum uint64) {
	eachCount(tx, reportsOf(product, month), func(_ []byte, n uint64) { sum += n })
	return sum
}

// ReportCounts returns all counts by their keys.
func ReportCounts(tx *bolt.Tx) map[string]uint64 {
	counts := make(map[string]uint64)
	eachCount(tx, reportsPrefix, func(key []byte, n uint64) { counts[string(key)] = n })
	return counts
}

// PutReportCounts puts counts by their keys.
func PutReportCounts(tx *bolt.Tx, counts map[string]uint64) error {
	for key, n := range counts {
		if err := tx.Bucket(BucketMeta).Put([]byte(key), binary.AppendUvarint(nil, n)); err != nil {
			return err
		}
	}
	return nil
}

func eachCount(tx *bolt.Tx, prefix string, fn func(key []byte, n uint64)) {
	c := tx.Bucket(BucketMeta).Cursor()
	for k, v := c.Seek([]byte(prefix)); bytes.HasPrefix(k, []byte(prefix)); k, v = c.Next() {
		n, _ := binary.Uvarint(v)
		fn(k, n)
	}
}
