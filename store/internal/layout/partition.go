package layout

import (
	"encoding/binary"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Partition is what the file holds of one product in one day or one month: the
// bucket "records" with an entry per instance. All partitions of a product within
// a month name series by one dictionary, the bucket "series" beside the month's
// records.
type Partition struct {
	Records *bolt.Bucket // by the keys of package record
	Dict    *record.Dictionary
	limits  *Limits
	bounds  rollup.Bounds
	kept    func() map[rollup.Series]struct{} // of Dictionaries
}

// The buckets of a product in a day or a month; only a month has BucketSeries.
var (
	BucketRecords = []byte("records")
	BucketSeries  = []byte("series")
)

// LoadDictionary reads a dictionary. It keeps copies, so it outlives the
// transaction.
func LoadDictionary(bucket *bolt.Bucket) (*record.Dictionary, error) {
	d := record.NewDictionary()
	err := EachSeries(bucket, d.Add)
	return d, err
}

// Growing returns what makes a dictionary grow in the bucket, in a transaction that
// writes.
func Growing(bucket *bolt.Bucket) func(number uint32, text []byte) error {
	return func(number uint32, text []byte) error {
		return bucket.Put(binary.BigEndian.AppendUint32(nil, number), text)
	}
}

// EachSeries walks a dictionary in the order of its numbers. The text is the
// transaction's.
func EachSeries(bucket *bolt.Bucket, fn func(text []byte)) error {
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

// RecordsOf returns a product's records in a day's or a month's bucket, nil if
// there are none.
func RecordsOf(parent *bolt.Bucket, product string) *bolt.Bucket {
	return productBucket(parent, product, BucketRecords)
}

// SeriesOf returns a product's dictionary in a month's bucket, nil if there is
// none.
func SeriesOf(month *bolt.Bucket, product string) *bolt.Bucket {
	return productBucket(month, product, BucketSeries)
}

func productBucket(parent *bolt.Bucket, product string, name []byte) *bolt.Bucket {
	return innerBucket(innerBucket(parent, product), string(name))
}

// makeProductBucket returns the same for writing, and creates what is missing.
func makeProductBucket(parent *bolt.Bucket, product string, name []byte) (*bolt.Bucket, error) {
	b, err := parent.CreateBucketIfNotExists([]byte(product))
	if err != nil {
		return nil, err
	}
	return b.CreateBucketIfNotExists(name)
}

// DictionaryOf loads a dictionary. Where there is none, or one that is damaged, it
// is empty; months reports that.
func DictionaryOf(tx *bolt.Tx, month rollup.MonthID, product string) *record.Dictionary {
	if series := SeriesOf(MonthBucket(tx, month), product); series != nil {
		dict, _ := LoadDictionary(series)
		return dict
	}
	return record.NewDictionary()
}
