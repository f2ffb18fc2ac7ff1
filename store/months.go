package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// keyClosed stands in a month's bucket once all of its days are folded into it.
var keyClosed = []byte("closed")

// foldChunk is how many instances one transaction of CloseMonth folds: enough to
// be quick, few enough that reports hardly wait.
const foldChunk = 1000

// closedMonth returns the bucket of a month that has been folded, nil for any
// other.
func closedMonth(tx *bolt.Tx, month rollup.MonthID) *bolt.Bucket {
	b := monthBucket(tx, month)
	if b == nil || b.Get(keyClosed) == nil {
		return nil
	}
	return b
}

// monthBucket returns the bucket of a month, nil if none of it was ever folded.
func monthBucket(tx *bolt.Tx, month rollup.MonthID) *bolt.Bucket {
	return tx.Bucket(bucketMonths).Bucket([]byte(month.String()))
}

// CloseMonth folds the days of a month that has ended into month rollups, so
// that folds over many months stay cheap. Closing a closed month does nothing.
// A report that still comes for one of its days is merged into both.
func (s *Store) CloseMonth(ctx context.Context, month rollup.MonthID) error {
	products, err := s.openMonth(ctx, month)
	if err != nil {
		return fmt.Errorf("store: close %s: %w", month, err)
	}
	if products == nil {
		return nil
	}
	for _, product := range products {
		if err := s.foldMonth(ctx, product, month); err != nil {
			return fmt.Errorf("store: close %s: %w", month, err)
		}
	}
	err = s.update(ctx, func(tx *bolt.Tx) error {
		return monthBucket(tx, month).Put(keyClosed, []byte{1})
	})
	if err != nil {
		return fmt.Errorf("store: close %s: %w", month, err)
	}
	return nil
}

// openMonth makes the month's bucket, from where on the writer merges late days
// into it, and returns the products that have days. It returns none for a month
// that is closed or has no days.
func (s *Store) openMonth(ctx context.Context, month rollup.MonthID) ([]string, error) {
	var products []string
	err := s.view(func(tx *bolt.Tx) (err error) {
		if closedMonth(tx, month) == nil {
			products, err = productsOf(tx, month)
		}
		return err
	})
	if err != nil || products == nil {
		return nil, err
	}
	return products, s.update(ctx, func(tx *bolt.Tx) error {
		_, err := tx.Bucket(bucketMonths).CreateBucketIfNotExists([]byte(month.String()))
		return err
	})
}

// productsOf lists the products with a record in any day of the month.
func productsOf(tx *bolt.Tx, month rollup.MonthID) ([]string, error) {
	var products []string
	seen := make(map[string]bool)
	for date := month.First(); date <= month.Last(); date++ {
		b := tx.Bucket(bucketDays).Bucket([]byte(date.String()))
		if b == nil {
			continue
		}
		err := b.ForEachBucket(func(k []byte) error {
			if !seen[string(k)] {
				seen[string(k)] = true
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

// foldMonth merges a product's days into its month, some instances at a time:
// no transaction, reading or writing, is long.
func (s *Store) foldMonth(ctx context.Context, product string, month rollup.MonthID) error {
	var after []byte
	for {
		chunk, err := s.foldSome(ctx, product, month, after)
		if err != nil || len(chunk) == 0 {
			return err
		}
		err = s.submit(ctx, &request{apply: func(tx *bolt.Tx, dicts *dictionaryCache) error {
			return putMonths(tx, dicts, product, month, chunk)
		}})
		if err != nil {
			return err
		}
		after = instanceKey(chunk[len(chunk)-1].instance)
	}
}

// instanceMonth is one instance's month.
type instanceMonth struct {
	instance string
	month    rollup.Month
}

// foldSome folds the days of the next instances behind a key.
func (s *Store) foldSome(ctx context.Context, product string, month rollup.MonthID, after []byte) (chunk []instanceMonth, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		f, err := newFolder(tx, product, month, month, nil)
		if err != nil {
			return err
		}
		return f.run(ctx, after, func(instance string, months []rollup.Month) error {
			chunk = append(chunk, instanceMonth{instance, rollup.Month{
				Peaks:   slices.Clone(months[0].Peaks),
				Metrics: slices.Clone(months[0].Metrics),
			}})
			if len(chunk) == foldChunk {
				return errChunk
			}
			return nil
		})
	})
	if errors.Is(err, errChunk) {
		err = nil
	}
	return chunk, err
}

func putMonths(tx *bolt.Tx, dicts *dictionaryCache, product string, month rollup.MonthID, chunk []instanceMonth) error {
	p, err := dicts.partition(monthBucket(tx, month), monthName(month, product))
	if err != nil {
		return err
	}
	for _, c := range chunk {
		if err := mergeMonth(p, instanceKey(c.instance), c.month); err != nil {
			return err
		}
	}
	return nil
}

func monthName(month rollup.MonthID, product string) partitionName {
	return partitionName{bucket: "month", start: month.First(), product: product}
}
