package layout

import (
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// maxCachedDictionaries bounds the cache of each product: this month's, at its beginning
// the last one's too, and a few for imports.
const maxCachedDictionaries = 4

// ProductMonth names a product's month, which has a dictionary of its own.
type ProductMonth struct {
	Product string
	Month   rollup.MonthID
}

// Dictionaries keeps the dictionaries that the writer used last. The zero value is
// empty and ready, and has no limits. It belongs to one goroutine.
type Dictionaries struct {
	names  []ProductMonth // in the order of their coming
	dicts  map[ProductMonth]*record.Dictionary
	keptOf map[ProductMonth]map[rollup.Series]struct{} // what kept has found
	Limits Limits                                      // of what is written with them
	// Changed has what the transaction at hand may have changed. Nobody changes a record
	// without a partition.
	Changed map[ProductMonth]struct{}
}

// Drop forgets them all: after a commit that failed it is unknown what the file has.
func (c *Dictionaries) Drop() { c.names, c.dicts, c.keptOf = nil, nil, nil }

// Change notes that a product's month may have changed.
func (c *Dictionaries) Change(product string, month rollup.MonthID) {
	if c.Changed == nil {
		c.Changed = make(map[ProductMonth]struct{})
	}
	c.Changed[ProductMonth{product, month}] = struct{}{}
}

// Day returns a product's partition of a day for writing, and creates it where
// there is none.
func (c *Dictionaries) Day(tx *bolt.Tx, date rollup.Date, product string) (Partition, error) {
	parent, err := tx.Bucket(BucketDays).CreateBucketIfNotExists([]byte(date.String()))
	if err != nil {
		return Partition{}, err
	}
	return c.partition(tx, parent, ProductMonth{product, date.Month()})
}

// Month does for a month what Day does for a day.
func (c *Dictionaries) Month(tx *bolt.Tx, month rollup.MonthID, product string) (Partition, error) {
	parent, err := makeMonthBucket(tx, month)
	if err != nil {
		return Partition{}, err
	}
	return c.partition(tx, parent, ProductMonth{product, month})
}

func (c *Dictionaries) partition(tx *bolt.Tx, parent *bolt.Bucket, name ProductMonth) (Partition, error) {
	c.Change(name.Product, name.Month)
	records, err := makeProductBucket(parent, name.Product, BucketRecords)
	if err != nil {
		return Partition{}, err
	}
	month, err := makeMonthBucket(tx, name.Month)
	if err != nil {
		return Partition{}, err
	}
	series, err := makeProductBucket(month, name.Product, BucketSeries)
	if err != nil {
		return Partition{}, err
	}
	dict, ok := c.dicts[name]
	if !ok {
		if dict, err = LoadDictionary(series); err != nil {
			return Partition{}, err
		}
		c.add(name, dict)
	}
	dict.Put = Growing(series)
	kept := func() map[rollup.Series]struct{} { return c.kept(tx, name) }
	return Partition{records, dict, &c.Limits, c.Limits.of(name.Product), kept}, nil
}

func (c *Dictionaries) add(name ProductMonth, dict *record.Dictionary) {
	if c.dicts == nil {
		c.dicts = make(map[ProductMonth]*record.Dictionary)
	}
	same := func(n ProductMonth) bool { return n.Product == name.Product }
	if oldest := slices.IndexFunc(c.names, same); countOf(c.names, same) == maxCachedDictionaries {
		delete(c.dicts, c.names[oldest])
		c.names = slices.Delete(c.names, oldest, oldest+1)
	}
	c.names = append(c.names, name)
	c.dicts[name] = dict
}

func countOf[E any](all []E, is func(E) bool) (n int) {
	for _, e := range all {
		if is(e) {
			n++
		}
	}
	return n
}
