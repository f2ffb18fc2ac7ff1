package rewrite

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Found is what a file has of a selection.
type Found struct {
	// Records are those of days and of months, Lines what waits in the queue.
	Records int `json:"records"`
	Lines   int `json:"lines"`
	// Instances is how many instances have any of it. NotFound are those that were
	// named and have none, sorted.
	Instances int      `json:"instances"`
	NotFound  []string `json:"not_found,omitempty"`
	// From and To are the first and the last month of the records; both 0 if there is none.
	From rollup.MonthID `json:"from,omitzero"`
	To   rollup.MonthID `json:"to,omitzero"`
}

// ErrInseparable is returned for a selection that has some days of a month of which other
// days were removed: the month's records can't be told apart any more, nor made anew.
type ErrInseparable struct{ Months []rollup.MonthID }

func (e *ErrInseparable) Error() string {
	names := make([]string, len(e.Months))
	for i, month := range e.Months {
		names[i] = month.String()
	}
	return fmt.Sprintf("nothing was forgotten: of %s only whole months can be: days of which the records are in their months alone can't be taken apart",
		strings.Join(names, ", "))
}

// surveyor counts what a selection has, in one transaction and without reading records.
type surveyor struct {
	ctx         context.Context
	tx          *bolt.Tx
	sel         rollup.Selection
	seen        map[string]struct{} // instances
	found       Found
	inseparable []rollup.MonthID
}

// Survey tells what a file has of a selection. It fails with *ErrInseparable if that can't
// be forgotten.
func Survey(ctx context.Context, tx *bolt.Tx, sel rollup.Selection) (Found, error) {
	s := surveyor{ctx: ctx, tx: tx, sel: sel, seen: make(map[string]struct{})}
	months, err := layout.MonthsOf(tx)
	for _, month := range months {
		if err == nil {
			err = s.month(month)
		}
	}
	if err == nil {
		err = s.queue()
	}
	if err != nil {
		return Found{}, err
	}
	if len(s.inseparable) > 0 {
		return Found{}, &ErrInseparable{s.inseparable}
	}
	s.found.Instances = len(s.seen)
	for _, instance := range slices.Sorted(maps.Keys(sel.Instances)) {
		if _, ok := s.seen[instance]; !ok {
			s.found.NotFound = append(s.found.NotFound, instance)
		}
	}
	return s.found, nil
}

func (s *surveyor) month(month rollup.MonthID) error {
	names, err := layout.Partitions(s.tx, month)
	if err != nil {
		return err
	}
	wanted := s.sel.DaysOf(month)
	before := s.found.Records
	for _, name := range names {
		switch {
		case name.Product != s.sel.Product || wanted == 0:
		case name.Own && wanted == allDays(month):
			err = s.count(layout.RecordsOf(layout.MonthBucket(s.tx, month), name.Product))
		case name.Own:
			err = s.separable(name, wanted)
		case s.sel.HasDay(name.Day):
			err = s.count(layout.RecordsOf(layout.DayBucket(s.tx, name.Day), name.Product))
		}
		if err != nil {
			return err
		}
	}
	if s.found.Records > before {
		if s.found.From == 0 {
			s.found.From = month
		}
		s.found.To = month
	}
	return nil
}

func allDays(month rollup.MonthID) rollup.DaySet { return 1<<month.Days() - 1 }

// count counts the records that are meant.
func (s *surveyor) count(records *bolt.Bucket) error {
	return s.selected(records, func(instance string, _ []byte) error {
		s.found.Records++
		s.seen[instance] = struct{}{}
		return nil
	})
}

// selected calls fn with the records of the instances that are meant.
func (s *surveyor) selected(records *bolt.Bucket, fn func(instance string, v []byte) error) error {
	if records == nil {
		return nil
	}
	if s.sel.Instances == nil {
		return records.ForEach(func(k, v []byte) error {
			if err := s.ctx.Err(); err != nil {
				return err
			}
			return fn(record.Instance(k), v)
		})
	}
	for instance := range s.sel.Instances {
		for _, key := range keysOf(instance) {
			if v := records.Get(key); v != nil {
				if err := fn(instance, v); err != nil {
					return err
				}
			}
		}
	}
	return s.ctx.Err()
}

// keysOf returns under which keys an instance may lie: another program may have written
// the key of a UUID as text.
func keysOf(instance string) [][]byte {
	key := record.Key(instance)
	if string(key) == instance {
		return [][]byte{key}
	}
	return [][]byte{key, []byte(instance)}
}

// separable looks whether a month's own records can be made anew of the days that stay:
// each day that they have must be there as a whole, or be meant.
func (s *surveyor) separable(name layout.PartitionName, wanted rollup.DaySet) error {
	sets := layout.MonthOf(s.tx, name.Month, name.Product)
	there := layout.PresentDays(s.tx, name.Month, name.Product) &^ layout.DaySet(sets, layout.KeyRemoved)
	dict := layout.DictionaryOf(s.tx, name.Month, name.Product)
	return s.selected(layout.RecordsOf(layout.MonthBucket(s.tx, name.Month), name.Product), func(_ string, v []byte) error {
		m, err := record.DecodeMonth(v, dict)
		if err != nil {
			return fmt.Errorf("%s: %w", name.Month, err)
		}
		if m.Days()&wanted != 0 && m.Days()&^there&^wanted != 0 && !slices.Contains(s.inseparable, name.Month) {
			s.inseparable = append(s.inseparable, name.Month)
		}
		return nil
	})
}

// queue counts lines. A block that can't be read counts as nothing.
func (s *surveyor) queue() error {
	return s.tx.Bucket(layout.BucketQueue).ForEach(func(k, v []byte) error {
		b, err := record.DecodeBlock(k, v)
		if err != nil {
			return s.ctx.Err()
		}
		if lines, err := record.UnpackBlock(b); err == nil {
			_, removed, _ := withoutLines(lines, func(instance string, at rollup.Date) bool {
				meant := isMeant(s.sel, b.Product, instance, at)
				if meant {
					s.seen[instance] = struct{}{}
				}
				return meant
			})
			s.found.Lines += removed
		}
		return s.ctx.Err()
	})
}
