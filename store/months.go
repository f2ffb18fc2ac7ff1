package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// The keys in a month's bucket, each a set of days as a varint: those that are
// folded into its rollups; those that are folded or being folded, into which the
// writer merges what still comes; and those whose records were removed, of which a
// late report brings back no more than itself.
var (
	keyFolded  = []byte("folded")
	keyPending = []byte("pending")
	keyRemoved = []byte("removed")
)

// monthKeys are all keys in a month's bucket.
func monthKeys() [][]byte { return [][]byte{keyFolded, keyPending, keyRemoved} }

// foldChunk is how many instances one transaction of FoldDays folds: enough to
// be quick, few enough that reports hardly wait.
const foldChunk = 1000

// monthBucket returns the bucket of a month, nil if nothing is known of it.
func monthBucket(tx *bolt.Tx, month rollup.MonthID) *bolt.Bucket {
	return tx.Bucket(bucketMonths).Bucket([]byte(month.String()))
}

func makeMonthBucket(tx *bolt.Tx, month rollup.MonthID) (*bolt.Bucket, error) {
	return tx.Bucket(bucketMonths).CreateBucketIfNotExists([]byte(month.String()))
}

// daySet reads one of a month's sets of days. A month without a bucket has none.
func daySet(month *bolt.Bucket, key []byte) rollup.DaySet {
	if month == nil {
		return 0
	}
	v, _ := binary.Uvarint(month.Get(key))
	return rollup.DaySet(v)
}

// addDays adds to one of a month's sets of days.
func addDays(tx *bolt.Tx, month rollup.MonthID, key []byte, days rollup.DaySet) error {
	b, err := makeMonthBucket(tx, month)
	if err != nil {
		return err
	}
	return b.Put(key, binary.AppendUvarint(nil, uint64(daySet(b, key)|days)))
}

// FoldDays folds the days of a month, up to and including one, into the month's
// rollups, so that a fold over the month need not read each of them. Days that
// are folded already cost nothing. A report that still comes for a folded day is
// merged into both.
func (s *Store) FoldDays(ctx context.Context, month rollup.MonthID, through rollup.Date) error {
	if err := s.foldDays(ctx, month.First(), min(through, month.Last())); err != nil {
		return fmt.Errorf("store: fold the days of %s: %w", month, err)
	}
	return nil
}

// foldDays folds some days of one month.
func (s *Store) foldDays(ctx context.Context, from, through rollup.Date) error {
	return s.exclusively(ctx, func() error { return s.foldThem(ctx, from, through) })
}

// exclusively runs f while no one else folds days or removes a month. A fold takes
// several transactions: a month that were removed between them would come back
// with a part of its figures, and without the mark that makes the writer merge
// late reports into it.
func (s *Store) exclusively(ctx context.Context, f func() error) error {
	select {
	case s.folding <- struct{}{}:
		defer func() { <-s.folding }()
		return f()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Store) foldThem(ctx context.Context, from, through rollup.Date) error {
	month := from.Month()
	var days rollup.DaySet
	err := s.view(func(tx *bolt.Tx) error {
		days = unfolded(tx, from, through)
		return nil
	})
	if err != nil || days == 0 {
		return err
	}
	err = s.update(ctx, func(tx *bolt.Tx) error { return addDays(tx, month, keyPending, days) })
	if err != nil {
		return err
	}
	// Only now: what comes from here on is merged into the month as well, so no
	// product can be missed.
	if err := s.foldProducts(ctx, month, days); err != nil {
		return err
	}
	// From here on the month is read in place of its days. It has the same, unless
	// bounds have kept something out.
	return s.submit(ctx, &request{apply: func(tx *bolt.Tx, dicts *dictionaryCache) error {
		dicts.change(month)
		return addDays(tx, month, keyFolded, days)
	}})
}

// foldProducts merges some days of each product into the month.
func (s *Store) foldProducts(ctx context.Context, month rollup.MonthID, days rollup.DaySet) error {
	var products []string
	err := s.view(func(tx *bolt.Tx) (err error) {
		products, err = productsOf(tx, month, days)
		return err
	})
	for _, product := range products {
		if err == nil {
			err = s.foldProduct(ctx, product, month, days)
		}
	}
	return err
}

// unfolded returns which of some days of one month are not folded yet.
func unfolded(tx *bolt.Tx, from, through rollup.Date) (days rollup.DaySet) {
	folded := daySet(monthBucket(tx, from.Month()), keyFolded)
	for date := from; date <= through; date++ {
		day := rollup.DaySetOf(date.DayOfMonth())
		if folded&day == 0 && tx.Bucket(bucketDays).Bucket([]byte(date.String())) != nil {
			days |= day
		}
	}
	return days
}

// productsOf returns the products that have records in some days of a month.
func productsOf(tx *bolt.Tx, month rollup.MonthID, days rollup.DaySet) (products []string, err error) {
	for date := month.First(); date <= month.Last(); date++ {
		b := tx.Bucket(bucketDays).Bucket([]byte(date.String()))
		if b == nil || days&rollup.DaySetOf(date.DayOfMonth()) == 0 {
			continue
		}
		err = b.ForEachBucket(func(k []byte) error {
			if !slices.Contains(products, string(k)) {
				products = append(products, string(k))
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return products, nil
}

// errChunk ends a walk after a chunk.
var errChunk = errors.New("store: chunk is full")

// foldProduct merges a product's days into its month, some instances at a time:
// no transaction, reading or writing, is long.
func (s *Store) foldProduct(ctx context.Context, product string, month rollup.MonthID, days rollup.DaySet) error {
	var after []byte
	for {
		chunk, last, err := s.foldSome(ctx, product, month, days, after)
		if err != nil || len(chunk) == 0 {
			return err
		}
		err = s.submit(ctx, &request{apply: func(tx *bolt.Tx, dicts *dictionaryCache) error {
			return putMonths(tx, dicts, product, month, chunk)
		}})
		if err != nil {
			return err
		}
		after = last
	}
}

// instanceMonth is one instance's month.
type instanceMonth struct {
	instance string
	month    rollup.Month
}

// foldSome folds the days of the next instances behind a key, and returns the key of
// the last.
func (s *Store) foldSome(ctx context.Context, product string, month rollup.MonthID, days rollup.DaySet, after []byte) (chunk []instanceMonth, last []byte, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		f, err := openDays(tx, product, month, days)
		if err != nil {
			return err
		}
		return f.run(ctx, record.Range{After: after}, func(instance string, months []rollup.Month) error {
			chunk = append(chunk, instanceMonth{instance, rollup.Month{
				Peaks:   slices.Clone(months[0].Peaks),
				Metrics: slices.Clone(months[0].Metrics),
			}})
			last = append(last[:0], f.key...)
			if len(chunk) == foldChunk {
				return errChunk
			}
			return nil
		})
	})
	if errors.Is(err, errChunk) {
		err = nil
	}
	return chunk, last, err
}

func putMonths(tx *bolt.Tx, dicts *dictionaryCache, product string, month rollup.MonthID, chunk []instanceMonth) error {
	p, err := dicts.month(tx, month, product)
	if err != nil {
		return err
	}
	for _, c := range chunk {
		if err := mergeMonth(p, record.Key(c.instance), c.month); err != nil {
			return err
		}
	}
	return nil
}
