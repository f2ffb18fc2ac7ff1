package store

import (
	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// maxCachedDictionaries bounds the cache: today's, at midnight yesterday's too,
// and a folded month's.
const maxCachedDictionaries = 4

// partitionName tells the partitions of a file apart.
type partitionName struct {
	bucket  string // "day" or "month"
	start   rollup.Date
	product string
}

// dictionaryCache keeps the dictionaries that the writer used last. The zero
// cache is empty and ready.
type dictionaryCache struct {
	names []partitionName // in the order of their coming
	dicts map[partitionName]*dictionary
}

func (c *dictionaryCache) drop() { *c = dictionaryCache{} }

// partition returns a product's partition of a day's or a month's bucket for
// writing, and creates it where there is none.
func (c *dictionaryCache) partition(parent *bolt.Bucket, name partitionName) (partition, error) {
	product, err := parent.CreateBucketIfNotExists([]byte(name.product))
	if err != nil {
		return partition{}, err
	}
	records, err := product.CreateBucketIfNotExists(bucketRecords)
	if err != nil {
		return partition{}, err
	}
	series, err := product.CreateBucketIfNotExists(bucketSeries)
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
	dict.bucket = series
	return partition{records, dict}, nil
}

func (c *dictionaryCache) add(name partitionName, dict *dictionary) {
	if c.dicts == nil {
		c.dicts = make(map[partitionName]*dictionary)
	}
	if len(c.names) == maxCachedDictionaries {
		delete(c.dicts, c.names[0])
		c.names = c.names[1:]
	}
	c.names = append(c.names, name)
	c.dicts[name] = dict
}
