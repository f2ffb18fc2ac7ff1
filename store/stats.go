package store

import (
	"errors"
	"fmt"
	"os"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/boltfile"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Stats describes a file.
type Stats struct {
	DatabaseID string
	Schema     int
	// FileBytes is the file's size, UsedBytes what its pages in use take up, and
	// FreeBytes the rest, of which FreePages pages may be used again.
	FileBytes, UsedBytes, FreeBytes int64
	FreePages, PageSize             int
	// Products are those with any record, sorted.
	Products []string
	// Days is how many days have records, FirstDay and LastDay are the outermost of
	// them, and Gaps what lies between and has none. All are zero without days.
	Days              int
	FirstDay, LastDay rollup.Date
	Gaps              []DayRange
	// LastReport is set if a day has records: LastHour is the latest hour, in UTC,
	// in which a report came on the latest day that has one.
	LastReport rollup.Date
	LastHour   int
	// Months are those of which anything is known, ascending, and by product.
	Months []MonthStats
	// Bytes are those of the pages that have nothing but records and series of a product,
	// by product. Small buckets lie in pages that several share: these are nobody's.
	Bytes map[string]int64
	// Snapshots counts the stored figures of months, of all products.
	Snapshots int
	// Excluded is how many instances the figures leave out.
	Excluded int
	Queue    QueueStats
}

// DayRange is a stretch of days, both ends included.
type DayRange struct{ First, Last rollup.Date }

// MonthStats describes a product's month.
type MonthStats struct {
	Month   rollup.MonthID
	Product string
	// Days is how many of the month's days have records, Closed how many are closed
	// into the month's own.
	Days, Closed int
	// DayRecords and Records count the records of its days and the month's own.
	DayRecords, Records int
	// Series is the size of the month's dictionary.
	Series int
}

// Stats looks at every page of the file, in one read transaction.
func (s *Store) Stats() (Stats, error) {
	info, err := os.Stat(s.path)
	if err != nil {
		return Stats{}, fmt.Errorf("store: %w", err)
	}
	st := Stats{DatabaseID: s.id, FileBytes: info.Size(), Queue: s.Queue()}
	err = s.view(func(tx *bolt.Tx) error {
		st.pages(tx)
		st.Schema = int(layout.SchemaOf(tx))
		if err := layout.EachSnapshot(tx, func(string, []byte, []byte) error { st.Snapshots++; return nil }); err != nil {
			return err
		}
		for _, product := range layout.ExcludedProducts(tx) {
			st.Excluded += len(layout.ExcludedKeys(tx, product))
		}
		if err := st.days(tx); err != nil {
			return err
		}
		if err := st.months(tx); err != nil {
			return err
		}
		return st.bytes(tx)
	})
	if err != nil {
		return Stats{}, fmt.Errorf("store: statistics of %s: %w", s.path, err)
	}
	return st, nil
}

// metaPages is how many pages every file has beside those of its buckets.
const metaPages = 2

func (st *Stats) pages(tx *bolt.Tx) {
	st.PageSize = tx.DB().Info().PageSize
	b := boltfile.Root(tx).Stats()
	used := metaPages + b.BranchPageN + b.BranchOverflowN + b.LeafPageN + b.LeafOverflowN
	st.UsedBytes = int64(used) * int64(st.PageSize)
	st.FreeBytes = st.FileBytes - st.UsedBytes
	st.FreePages = int(tx.Size()/int64(st.PageSize)) - used
}

func (st *Stats) days(tx *bolt.Tx) error {
	dates, err := layout.DatesOf(tx)
	if err != nil || len(dates) == 0 {
		return err
	}
	st.Days, st.FirstDay, st.LastDay = len(dates), dates[0], dates[len(dates)-1]
	for i, date := range dates[1:] {
		if before := dates[i]; date > before+1 {
			st.Gaps = append(st.Gaps, DayRange{before + 1, date - 1})
		}
	}
	for _, date := range slices.Backward(dates) {
		hour, ok, err := lastHour(tx, date)
		if ok || err != nil {
			st.LastReport, st.LastHour = date, hour
			return err
		}
	}
	return nil
}

// lastHour returns the latest hour of a day's reports; ok is false without any.
func lastHour(tx *bolt.Tx, date rollup.Date) (hour int, ok bool, err error) {
	parent := layout.DayBucket(tx, date)
	err = parent.ForEachBucket(func(product []byte) error {
		records := layout.RecordsOf(parent, string(product))
		if records == nil {
			return nil
		}
		last, found, err := lastHourOf(records)
		hour, ok = max(hour, last), ok || found
		if err != nil {
			return fmt.Errorf("%s: %w", date, err)
		}
		return nil
	})
	return hour, ok, err
}

// lastHourOf does so for one product's records of the day.
func lastHourOf(records *bolt.Bucket) (hour int, ok bool, err error) {
	err = records.ForEach(func(_, v []byte) error {
		r := record.ReadDay(v)
		hour, ok = max(hour, int(r.Last)), true
		if r.Failed {
			return fmt.Errorf("%w: a record does not decode", dberrors.ErrDamaged)
		}
		return nil
	})
	return hour, ok, err
}

// bytes adds up what lies in the buckets of each product.
func (st *Stats) bytes(tx *bolt.Tx) error {
	st.Bytes = make(map[string]int64)
	add := func(parent *bolt.Bucket) error {
		return parent.ForEachBucket(func(product []byte) error {
			b := parent.Bucket(product).Stats()
			pages := b.BranchPageN + b.BranchOverflowN + b.LeafPageN + b.LeafOverflowN
			st.Bytes[string(product)] += int64(pages) * int64(st.PageSize)
			return nil
		})
	}
	dates, err := layout.DatesOf(tx)
	for _, date := range dates {
		err = errors.Join(err, add(layout.DayBucket(tx, date)))
	}
	for i, m := range st.Months {
		if i == 0 || st.Months[i-1].Month != m.Month {
			err = errors.Join(err, add(layout.MonthBucket(tx, m.Month)))
		}
	}
	return err
}

func (st *Stats) months(tx *bolt.Tx) error {
	months, err := layout.MonthsOf(tx)
	if err != nil {
		return err
	}
	for _, month := range months {
		parent := layout.MonthBucket(tx, month)
		err := parent.ForEachBucket(func(product []byte) error {
			m := MonthStats{Month: month, Product: string(product)}
			m.Closed = layout.DaySet(parent.Bucket(product), layout.KeyClosed).Len()
			m.count(tx, parent)
			st.Months = append(st.Months, m)
			if !slices.Contains(st.Products, m.Product) {
				st.Products = append(st.Products, m.Product)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	slices.Sort(st.Products)
	return nil
}

func (m *MonthStats) count(tx *bolt.Tx, parent *bolt.Bucket) {
	m.Series = keysIn(layout.SeriesOf(parent, m.Product))
	m.Records = keysIn(layout.RecordsOf(parent, m.Product))
	for date := m.Month.First(); date <= m.Month.Last(); date++ {
		if n := keysIn(layout.RecordsOf(layout.DayBucket(tx, date), m.Product)); n > 0 {
			m.Days++
			m.DayRecords += n
		}
	}
}

// keysIn returns how many keys a bucket has, which may be nil.
func keysIn(b *bolt.Bucket) int {
	if b == nil {
		return 0
	}
	return b.Stats().KeyN
}
