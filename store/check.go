package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/boltfile"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Problem is something that a check has found.
type Problem struct {
	Kind ProblemKind
	// Text says where and what, in one line. It may name an instance.
	Text string
}

// ProblemKind sorts problems.
type ProblemKind string

// The kinds of problems.
const (
	ProblemPage       ProblemKind = "page"       // the file's own structure
	ProblemKey        ProblemKind = "key"        // a key or the name of a bucket
	ProblemDictionary ProblemKind = "dictionary" // a month's series
	ProblemRecord     ProblemKind = "record"     // a day's or a month's record does not decode
	ProblemFold       ProblemKind = "fold"       // a month's record is not the fold of its days
	ProblemQueue      ProblemKind = "queue"      // a block of the queue
	ProblemSnapshot   ProblemKind = "snapshot"   // the figures of a month, or the list of applications
	ProblemExcluded   ProblemKind = "excluded"   // an instance that figures leave out
)

var errCheckWritable = errors.New("only a file that is open for reading only can be checked; check a backup")

// Check looks at everything in the file and reports what can't be as this package
// has written it. Where pages are damaged it looks no further. It returns an error
// only if it could not go on, and never panics. The Store must be one of
// [OpenReadOnly], which has done the coarse part of this already. progress, unless
// nil, is told now and then how much of the work is done.
func (s *Store) Check(ctx context.Context, report func(Problem), progress func(done, total int64)) error {
	if !s.readOnly {
		return fmt.Errorf("store: check %s: %w", s.path, errCheckWritable)
	}
	if progress == nil {
		progress = func(done, total int64) {}
	}
	c := checker{ctx: ctx, store: s, out: report, progress: progress}
	steps := []func(tx *bolt.Tx) error{c.count, c.pages, c.buckets, c.days, c.months, c.queue, c.snapshots, c.excluded}
	for _, step := range steps {
		err := s.view(step)
		if errors.Is(err, dberrors.ErrDamaged) {
			c.report(ProblemPage, "%v", err)
			return nil
		}
		if err != nil {
			return fmt.Errorf("store: check %s: %w", s.path, err)
		}
		if c.damaged {
			return nil
		}
	}
	return nil
}

type checker struct {
	ctx     context.Context
	store   *Store
	out     func(Problem)
	damaged bool // a page is

	progress func(done, total int64)
	// Days are looked at twice: their records, and what is closed of them.
	done, total int64
}

// count finds out how much there is to do.
func (c *checker) count(tx *bolt.Tx) error {
	return tx.Bucket(layout.BucketDays).ForEach(func(_, _ []byte) error {
		c.total += 2
		return nil
	})
}

// did tells that some days were looked at.
func (c *checker) did(days int) {
	c.done += int64(days)
	c.progress(c.done, c.total)
}

func (c *checker) report(kind ProblemKind, format string, args ...any) {
	c.damaged = c.damaged || kind == ProblemPage
	c.out(Problem{kind, fmt.Sprintf(format, args...)})
}

// pages looks at the structure of the file, and lets bbolt look where that is good.
func (c *checker) pages(tx *bolt.Tx) error {
	return boltfile.InspectPages(c.ctx, tx, c.store.path, func(text string) { c.report(ProblemPage, "%s", text) })
}

// buckets looks for what is not ours.
func (c *checker) buckets(tx *bolt.Tx) error {
	return tx.ForEach(func(name []byte, _ *bolt.Bucket) error {
		if !slices.ContainsFunc(layout.RootBuckets(), func(b []byte) bool { return bytes.Equal(b, name) }) {
			c.report(ProblemKey, "bucket %q is unknown", name)
		}
		return nil
	})
}

// days looks at every record of every day.
func (c *checker) days(tx *bolt.Tx) error {
	days := tx.Bucket(layout.BucketDays)
	return days.ForEach(func(name, v []byte) error {
		date, err := rollup.ParseDate(string(name))
		if v != nil || err != nil || date.String() != string(name) {
			c.report(ProblemKey, "days: %q is not a day", name)
			return nil
		}
		defer c.did(1)
		return c.products(days.Bucket(name), date.String(), nil, func(product []byte, inner *bolt.Bucket) error {
			return c.records(inner.Bucket(layout.BucketRecords), date.String(), layout.DictionaryOf(tx, date.Month(), string(product)),
				func(v []byte, dict *record.Dictionary) error { _, err := record.DecodeDay(v, dict); return err })
		})
	})
}

// products calls fn with the bucket of each product in a day or a month, which may have
// some keys, and no other buckets than those of its records and its series.
func (c *checker) products(parent *bolt.Bucket, where string, keys [][]byte, fn func(product []byte, inner *bolt.Bucket) error) error {
	return parent.ForEach(func(product, v []byte) error {
		if v != nil {
			c.report(ProblemKey, "%s: %q is unknown", where, product)
			return nil
		}
		inner := parent.Bucket(product)
		err := inner.ForEach(func(name, v []byte) error {
			known := [][]byte{layout.BucketRecords, layout.BucketSeries}
			if v != nil {
				known = keys
			}
			if !slices.ContainsFunc(known, func(b []byte) bool { return bytes.Equal(b, name) }) {
				c.report(ProblemKey, "%s/%s: %q is unknown", where, product, name)
			}
			return nil
		})
		if err != nil {
			return err
		}
		return fn(product, inner)
	})
}

// records looks at the keys of some records, and decodes these.
func (c *checker) records(records *bolt.Bucket, where string, dict *record.Dictionary, decode func([]byte, *record.Dictionary) error) error {
	if records == nil {
		return nil
	}
	return records.ForEach(func(k, v []byte) error {
		instance := record.Instance(k)
		if v == nil || !record.IsKey(k) {
			c.report(ProblemKey, "%s: %x is no instance", where, k)
			return nil
		}
		if err := decode(v, dict); err != nil {
			c.report(ProblemRecord, "%s: %q: %v", where, instance, err)
		}
		return c.ctx.Err()
	})
}

// months looks at the sets of days, the dictionaries and the records of each month.
func (c *checker) months(tx *bolt.Tx) error {
	months := tx.Bucket(layout.BucketMonths)
	return months.ForEach(func(name, v []byte) error {
		month, err := rollup.ParseMonth(string(name))
		if v != nil || err != nil || month.String() != string(name) {
			c.report(ProblemKey, "months: %q is not a month", name)
			return nil
		}
		defer func() { c.did(layout.DaysIn(tx, month)) }()
		return c.products(months.Bucket(name), month.String(), layout.MonthKeys(), func(product []byte, inner *bolt.Bucket) error {
			return c.month(tx, month, string(product), inner)
		})
	})
}

// month looks at what a month has of a product.
func (c *checker) month(tx *bolt.Tx, month rollup.MonthID, product string, b *bolt.Bucket) error {
	where := month.String() + "/" + product
	c.daySets(b, month, where)
	c.dictionary(b, b.Bucket(layout.BucketRecords) != nil || layout.HasRecords(tx, month, product), where)
	pending := layout.DaySet(b, layout.KeyPending)
	err := c.records(b.Bucket(layout.BucketRecords), where, layout.DictionaryOf(tx, month, product),
		func(v []byte, dict *record.Dictionary) error { return checkMonth(v, dict, pending) })
	if err != nil {
		return err
	}
	return c.folds(tx, month, product)
}

func (c *checker) daySets(b *bolt.Bucket, month rollup.MonthID, where string) {
	_ = b.ForEach(func(k, v []byte) error { // nothing fails
		if v == nil {
			return nil
		}
		if days, n := binary.Uvarint(v); n != len(v) || days >= 1<<month.Days() {
			c.report(ProblemKey, "%s: %q is not a set of its days", where, k)
		}
		return nil
	})
	if layout.DaySet(b, layout.KeyClosed)&^layout.DaySet(b, layout.KeyPending) != 0 {
		c.report(ProblemFold, "%s: a day is folded and not pending", where)
	}
}

// dictionary looks at a month's series. Where nothing names one there may be none.
func (c *checker) dictionary(b *bolt.Bucket, records bool, where string) {
	series := b.Bucket(layout.BucketSeries)
	if series == nil {
		if records {
			c.report(ProblemDictionary, "%s: there is none", where)
		}
		return
	}
	dict, err := layout.LoadDictionary(series)
	if err != nil {
		c.report(ProblemDictionary, "%s: %v", where, err)
		return
	}
	if dict.Has("") || !dict.Distinct() {
		c.report(ProblemDictionary, "%s: a series has no text, or stands twice", where)
	}
}
