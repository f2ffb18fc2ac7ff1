package layout

import (
	"encoding/binary"
	"errors"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// unfoldMonths leads the records of months from schema 2 to 3, which has the two highest
// days and the last hour of each series.
func unfoldMonths(tx *bolt.Tx) error {
	months, err := MonthsOf(tx)
	for _, month := range months {
		if b := MonthOf(tx, month, rollup.Cozystack); b != nil {
			err = errors.Join(err, unfold(b, PresentDays(tx, month, rollup.Cozystack)))
		}
	}
	return err
}

// unfold opens the days of a month that are there, so that the server closes them anew,
// now with all that a month keeps. They stay pending, as days that are being closed.
// Where no day was removed the month's records go; else they keep what they have, of
// days that are not known.
func unfold(month *bolt.Bucket, present rollup.DaySet) error {
	gone := DaySet(month, KeyClosed) &^ present
	if month.Get(KeyClosed) != nil {
		if err := month.Put(KeyClosed, binary.AppendUvarint(nil, uint64(gone))); err != nil {
			return err
		}
	}
	records := month.Bucket(BucketRecords)
	switch {
	case records == nil:
		return nil
	case gone|DaySet(month, KeyRemoved) == 0:
		return month.DeleteBucket(BucketRecords)
	}
	return rewriteMonth(records)
}

// rewriteMonth writes a month's records anew.
func rewriteMonth(records *bolt.Bucket) error {
	var keys, values [][]byte // a bucket must not change while it is walked
	err := records.ForEach(func(k, v []byte) error {
		keys, values = append(keys, k), append(values, record.MonthOfSchema2(v))
		return nil
	})
	for i, key := range keys {
		if err == nil {
			err = records.Put(key, values[i])
		}
	}
	return err
}
