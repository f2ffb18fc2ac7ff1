package store

import (
	"bytes"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// dayMerge merges into one product's day within a transaction, and into its
// month where the day has been folded, or is being folded now: in the first
// moments of the next day, after a clock that was set back, or a late import.
type dayMerge struct {
	date    rollup.Date
	product string
	parent  *bolt.Bucket
	day     partition
	folded  bool
	month   partition // if folded
	// versioned is set once the day has its new version.
	versioned bool
}

// openDay opens a day for merging, and creates it where there is none.
func openDay(tx *bolt.Tx, dicts *dictionaryCache, product string, date rollup.Date) (*dayMerge, error) {
	m := &dayMerge{date: date, product: product}
	var err error
	if m.day, err = dicts.day(tx, date, product); err != nil {
		return nil, err
	}
	m.parent = tx.Bucket(bucketDays).Bucket([]byte(date.String()))
	pending := daySet(monthBucket(tx, date.Month()), keyPending)
	if pending&rollup.DaySetOf(date.DayOfMonth()) != 0 {
		m.folded = true
		m.month, err = dicts.month(tx, date.Month(), product)
	}
	return m, err
}

// merge merges a day into the record under a key. A record that stays the same
// is not written. ErrDamaged means that a record can't be read: the day's, and
// nothing is changed, or the month's, and only the day is.
func (m *dayMerge) merge(key []byte, day rollup.Day) error {
	changed, err := mergeDay(m.day, key, day)
	if err != nil || !changed {
		return err
	}
	if !m.versioned {
		m.versioned = true
		if _, err := m.parent.NextSequence(); err != nil {
			return err
		}
	}
	if !m.folded {
		return nil
	}
	return mergeMonth(m.month, key, rollup.FromDay(m.date.DayOfMonth(), day))
}

func mergeDay(p partition, key []byte, day rollup.Day) (changed bool, err error) {
	old := p.records.Get(key)
	if old != nil {
		known, err := record.DecodeDay(old, p.dict)
		if err != nil {
			return false, err
		}
		day = known.Merge(day)
	}
	if day = p.limits.day(day, p.dict); day.IsZero() {
		return false, nil
	}
	b, err := record.EncodeDay(day, p.dict)
	if err != nil || bytes.Equal(b, old) {
		return false, err
	}
	return true, p.records.Put(key, b)
}

// mergeMonth does for a month's record what mergeDay does for a day's.
func mergeMonth(p partition, key []byte, month rollup.Month) error {
	old := p.records.Get(key)
	if old != nil {
		known, err := record.DecodeMonth(old, p.dict)
		if err != nil {
			return err
		}
		month = known.Merge(month)
	}
	if month = p.limits.month(month, p.dict); len(month.Metrics) == 0 {
		return nil
	}
	b, err := record.EncodeMonth(month, p.dict)
	if err != nil || bytes.Equal(b, old) {
		return err
	}
	return p.records.Put(key, b)
}
