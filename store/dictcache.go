package store

import (
	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// maxCachedDictionaries bounds the cache: this month's, at its beginning the last
// one's too, and a few for imports.
const maxCachedDictionaries = 4

// dictionaryName tells the dictionaries of a file apart.
type dictionaryName struct {
	month   rollup.MonthID
	product string
}

// dictionaryCache keeps the dictionaries that the writer used last. The zero
// cache is empty and ready, and has no limits.
type dictionaryCache struct {
	names  []dictionaryName // in the order of their coming
	dicts  map[dictionaryName]*record.Dictionary
	limits limits // of what is written with them
	// changed has the months that the transaction at hand may have changed. Nobody
	// changes a record without a partition.
	changed map[rollup.MonthID]struct{}
}

func (c *dictionaryCache) drop() { c.names, c.dicts = nil, nil }

// change notes that a month may have changed.
func (c *dictionaryCache) change(month rollup.MonthID) {
	if c.changed == nil {
		c.changed = make(map[rollup.MonthID]struct{})
	}
	c.changed[month] = struct{}{}
}

// day returns a product's partition of a day for writing, and creates it where
// there is none.
func (c *dictionaryCache) day(tx *bolt.Tx, date rollup.Date, product string) (partition, error) {
	parent, err := tx.Bucket(bucketDays).CreateBucketIfNotExists([]byte(date.String()))
	if err != nil {
		return partition{}, err
	}
	return c.partition(tx, parent, dictionaryName{date.Month(), product})
}

// month does for a month what day does for a day.
func (c *dictionaryCache) month(tx *bolt.Tx, month rollup.MonthID, product string) (partition, error) {
	parent, err := makeMonthBucket(tx, month)
	if err != nil {
		return partition{}, err
	}
	return c.partition(tx, parent, dictionaryName{month, product})
}

func (c *dictionaryCache) partition(tx *bolt.Tx, parent *bolt.Bucket, name dictionaryName) (partition, error) {
	c.change(name.month)
	records, err := makeProductBucket(parent, name.product, bucketRecords)
	if err != nil {
		return partition{}, err
	}
	month, err := makeMonthBucket(tx, name.month)
	if err != nil {
		return partition{}, err
	}
	series, err := makeProductBucket(month, name.product, bucketSeries)
	if err != nil {
		return partition{}, err
	}
	dict, ok := c.dicts[name]
	if !ok {
		if dict, err = loadDictionary(series); err != nil {
			return partition{}, err
		}
		c.add(name, dict)
	}
	dict.Put = growing(series)
	return partition{records, dict, &c.limits}, nil
}

func (c *dictionaryCache) add(name dictionaryName, dict *record.Dictionary) {
	if c.dicts == nil {
		c.dicts = make(map[dictionaryName]*record.Dictionary)
	}
	if len(c.names) == maxCachedDictionaries {
		delete(c.dicts, c.names[0])
		c.names = c.names[1:]
	}
	c.names = append(c.names, name)
	c.dicts[name] = dict
}
