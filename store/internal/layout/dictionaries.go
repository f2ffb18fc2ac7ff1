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

// dictionaryName tells the dictionaries of a file apart.
type dictionaryName struct {
	month   rollup.MonthID
	product string
}

// Dictionaries keeps the dictionaries that the writer used last. The zero value is
// empty and ready, and has no limits. It belongs to one goroutine.
type Dictionaries struct {
	names  []dictionaryName // in the order of their coming
	dicts  map[dictionaryName]*record.Dictionary
	keptOf map[dictionaryName]map[rollup.Series]struct{} // what kept has found
	Limits Limits                                        // of what is written with them
	// Changed has the months that the transaction at hand may have changed. Nobody
	// changes a record without a partition.
	Changed map[rollup.MonthID]struct{}
}

// Drop forgets them all: after a commit that failed it is unknown what the file has.
func (c *Dictionaries) Drop() { c.names, c.dicts = nil, nil }

// Change notes that a month may have changed.
func (c *Dictionaries) Change(month rollup.MonthID) {
	if c.Changed == nil {
		c.Changed = make(map[rollup.MonthID]struct{})
	}
	c.Changed[month] = struct{}{}
}

// Day returns a product's partition of a day for writing, and creates it where
// there is none.
func (c *Dictionaries) Day(tx *bolt.Tx, date rollup.Date, product string) (Partition, error) {
	parent, err := tx.Bucket(BucketDays).CreateBucketIfNotExists([]byte(date.String()))
	if err != nil {
		return Partition{}, err
	}
	return c.partition(tx, parent, dictionaryName{date.Month(), product})
}

// Month does for a month what Day does for a day.
func (c *Dictionaries) Month(tx *bolt.Tx, month rollup.MonthID, product string) (Partition, error) {
	parent, err := makeMonthBucket(tx, month)
	if err != nil {
		return Partition{}, err
	}
	return c.partition(tx, parent, dictionaryName{month, product})
}

func (c *Dictionaries) partition(tx *bolt.Tx, parent *bolt.Bucket, name dictionaryName) (Partition, error) {
	c.Change(name.month)
	records, err := makeProductBucket(parent, name.product, BucketRecords)
	if err != nil {
		return Partition{}, err
	}
	month, err := makeMonthBucket(tx, name.month)
	if err != nil {
		return Partition{}, err
	}
	series, err := makeProductBucket(month, name.product, BucketSeries)
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
	return Partition{records, dict, &c.Limits, c.Limits.of(name.product), kept}, nil
}

func (c *Dictionaries) add(name dictionaryName, dict *record.Dictionary) {
	if c.dicts == nil {
		c.dicts = make(map[dictionaryName]*record.Dictionary)
	}
	same := func(n dictionaryName) bool { return n.product == name.product }
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
