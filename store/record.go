package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Record merges a report into its instance's day and, unless lines is empty,
// appends lines to the forward queue, both in one transaction. lines is text of
// the exposition format with a line per sample, each with a timestamp and a line
// feed. A nil error means that both are on disk. Any other error means that they
// may or may not be; recording the same report again is harmless to the rollups.
//
// The report and lines must not be changed afterwards.
func (s *Store) Record(ctx context.Context, report rollup.Report, lines []byte) error {
	return s.submit(ctx, &request{report: &report, lines: lines})
}

// target is a record that a batch changes: an instance's day.
type target struct {
	date     rollup.Date
	product  string
	instance string
}

func compareTargets(a, b target) int {
	if a.date != b.date {
		return int(a.date) - int(b.date)
	}
	if c := strings.Compare(a.product, b.product); c != 0 {
		return c
	}
	return strings.Compare(a.instance, b.instance)
}

// record merges the batch's reports into their days. Records are put in the
// order of their keys, which is what a B+tree likes best.
func (w *writer) record(tx *bolt.Tx, batch []*request) error {
	changed := make(map[target][]*request)
	var order []target
	for _, r := range batch {
		if r.report == nil {
			continue
		}
		t := target{rollup.DateOf(r.report.Received), r.report.Product, r.report.Instance}
		if changed[t] == nil {
			order = append(order, t)
		}
		changed[t] = append(changed[t], r)
	}
	slices.SortFunc(order, compareTargets)
	for _, t := range order {
		err := w.recordDay(tx, t, changed[t])
		if errors.Is(err, ErrDamaged) {
			// One unreadable record must not keep every other cluster's report out.
			for _, r := range changed[t] {
				r.err = fmt.Errorf("store: %s of %s: %w", t.instance, t.date, err)
			}
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// recordDay merges the reports of one instance into its day, and into its month
// where that was folded already: a clock that was set back, a late merge.
func (w *writer) recordDay(tx *bolt.Tx, t target, reports []*request) error {
	var day rollup.Day
	for _, r := range reports {
		day = day.Merge(rollup.FromReport(*r.report))
	}
	if day.IsZero() {
		return nil
	}
	parent, err := dayBucket(tx, t.date)
	if err != nil {
		return err
	}
	p, err := w.dicts.partition(parent, partitionName{bucket: "day", start: t.date, product: t.product})
	if err != nil {
		return err
	}
	changed, err := mergeDay(p, t.instance, day)
	if err != nil || !changed {
		return err
	}
	if _, err := parent.NextSequence(); err != nil {
		return err
	}
	return w.recordMonth(tx, t, day)
}

// recordMonth merges a day into the month's rollup if the month has been folded,
// or is being folded now.
func (w *writer) recordMonth(tx *bolt.Tx, t target, day rollup.Day) error {
	month := t.date.Month()
	parent := monthBucket(tx, month)
	if parent == nil {
		return nil
	}
	p, err := w.dicts.partition(parent, monthName(month, t.product))
	if err != nil {
		return err
	}
	return mergeMonth(p, t.instance, rollup.FromDay(t.date.DayOfMonth(), day))
}

func dayBucket(tx *bolt.Tx, date rollup.Date) (*bolt.Bucket, error) {
	return tx.Bucket(bucketDays).CreateBucketIfNotExists([]byte(date.String()))
}

// mergeDay merges a day into the record of an instance. It reports whether that
// changed anything; a record that stays the same is not written.
func mergeDay(p partition, instance string, day rollup.Day) (changed bool, err error) {
	key := instanceKey(instance)
	old := p.records.Get(key)
	if old != nil {
		known, err := decodeDay(old, p.dict)
		if err != nil {
			return false, err
		}
		day = known.Merge(day)
	}
	b, err := encodeDay(day, p.dict)
	if err != nil || bytes.Equal(b, old) {
		return false, err
	}
	return true, p.records.Put(key, b)
}

// mergeMonth does for a month's record what mergeDay does for a day's.
func mergeMonth(p partition, instance string, month rollup.Month) error {
	key := instanceKey(instance)
	old := p.records.Get(key)
	if old != nil {
		known, err := decodeMonth(old, p.dict)
		if err != nil {
			return err
		}
		month = known.Merge(month)
	}
	b, err := encodeMonth(month, p.dict)
	if err != nil || bytes.Equal(b, old) {
		return err
	}
	return p.records.Put(key, b)
}
