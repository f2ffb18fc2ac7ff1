package store

import (
	"encoding/binary"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// A partition is what the file holds of one product in one day or one month: the
// bucket "records" with an entry per instance. All partitions of a product within
// a month name series by one dictionary, the bucket "series" beside the month's
// records.
type partition struct {
	records *bolt.Bucket
	dict    *dictionary
	limits  *limits
}

var (
	bucketRecords = []byte("records")
	bucketSeries  = []byte("series")
)

// dictionary numbers the series of a product's month, from 0 up in the order in
// which they were first seen. A metric's bare name is a series too: records refer to
// metrics by it.
type dictionary struct {
	bucket *bolt.Bucket // nil where the dictionary is only read
	series []rollup.Series
	ids    map[rollup.Series]uint32
}

// loadDictionary reads a dictionary. It keeps copies, so it outlives the
// transaction; only id needs a bucket of a running one.
func loadDictionary(bucket *bolt.Bucket) (*dictionary, error) {
	d := &dictionary{ids: make(map[rollup.Series]uint32)}
	err := eachSeries(bucket, func(text []byte) {
		s := rollup.Series(text)
		d.ids[s] = uint32(len(d.series))
		d.series = append(d.series, s)
	})
	return d, err
}

// eachSeries walks a dictionary in the order of its numbers. The text is the
// transaction's.
func eachSeries(bucket *bolt.Bucket, fn func(text []byte)) error {
	next := uint32(0)
	return bucket.ForEach(func(k, v []byte) error {
		if len(k) != 4 || binary.BigEndian.Uint32(k) != next {
			return fmt.Errorf("%w: dictionary key %x in place of %d", ErrDamaged, k, next)
		}
		next++
		fn(v)
		return nil
	})
}

// id returns the number of a series, which it adds if it is new.
func (d *dictionary) id(s rollup.Series) (uint32, error) {
	if id, ok := d.ids[s]; ok {
		return id, nil
	}
	id := uint32(len(d.series))
	if err := d.bucket.Put(binary.BigEndian.AppendUint32(nil, id), []byte(s)); err != nil {
		return 0, err
	}
	// The report's text may pin a whole request body; the dictionary outlives it.
	s = rollup.Series([]byte(s))
	d.ids[s] = id
	d.series = append(d.series, s)
	return id, nil
}

// lookup returns the series with a number.
func (d *dictionary) lookup(id uint64) (rollup.Series, error) {
	if id >= uint64(len(d.series)) {
		return "", fmt.Errorf("%w: series %d of %d", ErrDamaged, id, len(d.series))
	}
	return d.series[id], nil
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
