package store

import (
	"bytes"
	"encoding/binary"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// migrate brings a file of an older schema to the present one. It runs in one
// transaction: a crash leaves the old file or the new one.
func migrate(tx *bolt.Tx) error {
	version, _ := binary.Uvarint(tx.Bucket(bucketMeta).Get(keySchema))
	if version == schemaVersion {
		return nil
	}
	if version < 2 {
		m := migration1{tx: tx}
		if err := m.run(); err != nil {
			return err
		}
	}
	return putSchemaVersion(tx)
}

// migration1 leads from schema 1 to 2. In schema 1 each day and each month had a
// dictionary of its own, and a month was folded as a whole, which the key
// "closed" in its bucket told.
type migration1 struct {
	tx    *bolt.Tx
	dicts dictionaryCache
}

var keyClosed = []byte("closed")

func (m *migration1) run() error {
	if err := eachBucket(m.tx.Bucket(bucketMonths), m.month); err != nil {
		return err
	}
	return eachBucket(m.tx.Bucket(bucketDays), m.day)
}

// month marks the days of a closed month as folded. A month that was being folded
// when the server stopped is dropped: it is folded again from its days.
func (m *migration1) month(name []byte) error {
	months := m.tx.Bucket(bucketMonths)
	if months.Bucket(name).Get(keyClosed) == nil {
		return months.DeleteBucket(name)
	}
	id, err := rollup.ParseMonth(string(name))
	if err != nil {
		return err
	}
	err = eachBucket(months.Bucket(name), func(product []byte) error {
		old, err := m.take(months.Bucket(name), product)
		if err != nil {
			return err
		}
		p, err := m.dicts.month(m.tx, id, string(product))
		if err != nil {
			return err
		}
		return old.each(func(key, record []byte) error {
			month, err := decodeMonth(record, old.dict)
			if err != nil {
				return err
			}
			return mergeMonth(p, key, month)
		})
	})
	if err != nil {
		return err
	}
	all := rollup.DaySet(1)<<id.Days() - 1
	if err := addDays(m.tx, id, keyPending, all); err != nil {
		return err
	}
	if err := addDays(m.tx, id, keyFolded, all); err != nil {
		return err
	}
	return months.Bucket(name).Delete(keyClosed)
}

// day writes a day's records anew, with the dictionary of its month.
func (m *migration1) day(name []byte) error {
	date, err := rollup.ParseDate(string(name))
	if err != nil {
		return err
	}
	parent := m.tx.Bucket(bucketDays).Bucket(name)
	return eachBucket(parent, func(product []byte) error {
		old, err := m.take(parent, product)
		if err != nil {
			return err
		}
		p, err := m.dicts.day(m.tx, date, string(product))
		if err != nil {
			return err
		}
		return old.each(func(key, record []byte) error {
			day, err := decodeDay(record, old.dict)
			if err != nil {
				return err
			}
			_, err = mergeDay(p, key, day)
			return err
		})
	})
}

// partition1 is a partition of schema 1, in memory.
type partition1 struct {
	dict          *dictionary
	keys, records [][]byte
}

// take reads a product's partition and removes it.
func (m *migration1) take(parent *bolt.Bucket, product []byte) (*partition1, error) {
	b := parent.Bucket(product)
	dict, err := loadDictionary(b.Bucket(bucketSeries))
	if err != nil {
		return nil, err
	}
	p := &partition1{dict: dict}
	err = b.Bucket(bucketRecords).ForEach(func(k, v []byte) error {
		p.keys, p.records = append(p.keys, bytes.Clone(k)), append(p.records, bytes.Clone(v))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return p, parent.DeleteBucket(product)
}

func (p *partition1) each(fn func(key, record []byte) error) error {
	for i, key := range p.keys {
		if err := fn(key, p.records[i]); err != nil {
			return err
		}
	}
	return nil
}

// eachBucket calls fn with the name of each bucket in b. fn may change b.
func eachBucket(b *bolt.Bucket, fn func(name []byte) error) error {
	var names [][]byte
	err := b.ForEachBucket(func(k []byte) error {
		names = append(names, bytes.Clone(k))
		return nil
	})
	for _, name := range names {
		if err == nil {
			err = fn(name)
		}
	}
	return err
}
