package store

import (
	"encoding/binary"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
)

// A partition is what the file holds of one product in one day or one month: the
// bucket "records" with an entry per instance. All partitions of a product within
// a month name series by one dictionary, the bucket "series" beside the month's
// records.
type partition struct {
	records *bolt.Bucket
	dict    *record.Dictionary
	limits  *limits
}

var (
	bucketRecords = []byte("records")
	bucketSeries  = []byte("series")
)

// loadDictionary reads a dictionary. It keeps copies, so it outlives the
// transaction.
func loadDictionary(bucket *bolt.Bucket) (*record.Dictionary, error) {
	d := record.NewDictionary()
	err := eachSeries(bucket, d.Add)
	return d, err
}

// growing returns what makes a dictionary grow in the bucket, in a transaction that
// writes.
func growing(bucket *bolt.Bucket) func(number uint32, text []byte) error {
	return func(number uint32, text []byte) error {
		return bucket.Put(binary.BigEndian.AppendUint32(nil, number), text)
	}
}

// eachSeries walks a dictionary in the order of its numbers. The text is the
// transaction's.
func eachSeries(bucket *bolt.Bucket, fn func(text []byte)) error {
	next := uint32(0)
	return bucket.ForEach(func(k, v []byte) error {
		if len(k) != 4 || binary.BigEndian.Uint32(k) != next {
			return fmt.Errorf("%w: dictionary key %x in place of %d", dberrors.ErrDamaged, k, next)
		}
		next++
		fn(v)
		return nil
	})
}

// recordsOf returns a product's records in a day's or a month's bucket, nil if
// there are none.
func recordsOf(parent *bolt.Bucket, product string) *bolt.Bucket {
	return productBucket(parent, product, bucketRecords)
}

// seriesOf returns a product's dictionary in a month's bucket, nil if there is
// none.
func seriesOf(month *bolt.Bucket, product string) *bolt.Bucket {
	return productBucket(month, product, bucketSeries)
}

func productBucket(parent *bolt.Bucket, product string, name []byte) *bolt.Bucket {
	if parent == nil {
		return nil
	}
	b := parent.Bucket([]byte(product))
	if b == nil {
		return nil
	}
	return b.Bucket(name)
}

// makeProductBucket returns the same for writing, and creates what is missing.
func makeProductBucket(parent *bolt.Bucket, product string, name []byte) (*bolt.Bucket, error) {
	b, err := parent.CreateBucketIfNotExists([]byte(product))
	if err != nil {
		return nil, err
	}
	return b.CreateBucketIfNotExists(name)
}
