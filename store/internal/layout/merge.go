package layout

import (
	"bytes"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// DayMerge merges into one product's day within a transaction, and into its
// month where the day has been closed, or is being closed now: in the first
// moments of the next day, after a clock that was set back, or a late import.
type DayMerge struct {
	Date    rollup.Date
	Product string
	bucket  *bolt.Bucket // of the product's day
	day     Partition
	closed  bool
	month   Partition // if closed
	// versioned is set once the day has its new version.
	versioned bool
}

// OpenDay opens a day for merging, and creates it where there is none.
func OpenDay(tx *bolt.Tx, dicts *Dictionaries, product string, date rollup.Date) (*DayMerge, error) {
	m := &DayMerge{Date: date, Product: product}
	var err error
	if m.day, err = dicts.Day(tx, date, product); err != nil {
		return nil, err
	}
	m.bucket = DayOf(tx, date, product)
	pending := DaySet(MonthOf(tx, date.Month(), product), KeyPending)
	if pending&rollup.DaySetOf(date.DayOfMonth()) != 0 {
		m.closed = true
		m.month, err = dicts.Month(tx, date.Month(), product)
	}
	return m, err
}

// Merge merges a day into the record under a key. A record that stays the same
// is not written. ErrDamaged means that a record can't be read: the day's, and
// nothing is changed, or the month's, and only the day is.
func (m *DayMerge) Merge(key []byte, day rollup.Day) error {
	changed, err := MergeDay(m.day, key, day)
	if err != nil || !changed {
		return err
	}
	if !m.versioned {
		m.versioned = true
		if _, err := m.bucket.NextSequence(); err != nil {
			return err
		}
	}
	if !m.closed {
		return nil
	}
	return mergeMonth(m.month, key, rollup.FromDay(m.Date.DayOfMonth(), day))
}

// MergeDay merges a day into the record under a key, and reports whether that has changed.
// Other than with [DayMerge], neither the month nor the day's version follow.
func MergeDay(p Partition, key []byte, day rollup.Day) (changed bool, err error) {
	old := p.Records.Get(key)
	if old != nil {
		known, err := record.DecodeDay(old, p.Dict)
		if err != nil {
			return false, err
		}
		day = known.Merge(day)
	}
	if day = p.limits.day(day, p); day.IsZero() {
		return false, nil
	}
	b, err := record.EncodeDay(day, p.Dict)
	if err != nil || bytes.Equal(b, old) {
		return false, err
	}
	return true, p.Records.Put(key, b)
}

// mergeMonth does for a month's record what MergeDay does for a day's.
func mergeMonth(p Partition, key []byte, month rollup.Month) error {
	old := p.Records.Get(key)
	if old != nil {
		known, err := record.DecodeMonth(old, p.Dict)
		if err != nil {
			return err
		}
		month = known.Merge(month)
	}
	if month = p.limits.month(month, p); len(month.Metrics) == 0 {
		return nil
	}
	b, err := record.EncodeMonth(month, p.Dict)
	if err != nil || bytes.Equal(b, old) {
		return err
	}
	return p.Records.Put(key, b)
}

// PutMonths merges into a product's month what some instances have of it.
func PutMonths(tx *bolt.Tx, dicts *Dictionaries, product string, month rollup.MonthID, chunk []rollup.InstanceMonth) error {
	p, err := dicts.Month(tx, month, product)
	if err != nil {
		return err
	}
	for _, c := range chunk {
		if err := mergeMonth(p, record.Key(c.Instance), c.Month); err != nil {
			return err
		}
	}
	return nil
}
