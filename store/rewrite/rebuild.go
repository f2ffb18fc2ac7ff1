package rewrite

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/boltfile"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/fold"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// rebuild makes a file of the records of some others, one by one, with dictionaries
// made anew: only the series that a record names come into them. What several files
// have is merged. Memory does not grow with the files.
type rebuild struct {
	ctx  context.Context
	from []*database
	into *database
	// dicts are the dictionaries of the new file. After an error they may not be as the
	// file has them, but then all ends.
	dicts layout.Dictionaries
	// drops tells which records are left out; nil: none. removed counts them, and
	// touched has the months that had any, with whose they were.
	drops   func(name layout.PartitionName, instance string) bool
	removed int
	touched map[layout.ProductMonth]map[string]struct{}
	// ownKept, unless nil, takes what is made anew out of records of a month's own, and
	// afterDays makes it, once the closed days are there.
	ownKept   func(name layout.PartitionName, chunk []rollup.InstanceMonth) []rollup.InstanceMonth
	afterDays func(product string, month rollup.MonthID, closed rollup.DaySet) error
	// wholeDays leaves a day out that any of the files has removed, and merges it into
	// its month alone. leftOut counts those that a file still has.
	wholeDays bool
	leftOut   int
	// progress, unless nil, is told how many months are done.
	progress func(done, total int64)
}

// fill makes an unfinished file: begin makes what the records come into, and rest adds
// what else the file shall have.
func (r *rebuild) fill(temp string, begin func(stage string) error, rest func() error) (keys int, err error) {
	return boltfile.InTwoSteps(r.ctx, temp, func(stage string) error {
		if err := begin(stage); err != nil {
			return err
		}
		db, err := boltfile.Open(stage, false)
		if err != nil {
			return err
		}
		db.NoSync = true // whoever gives the file its name syncs it before
		r.into = &database{DB: db}
		if err = r.months(); err == nil {
			err = rest()
		}
		return errors.Join(err, db.Close())
	})
}

// write changes the new file in one transaction.
func (r *rebuild) write(change func(tx *bolt.Tx, dicts *layout.Dictionaries) error) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	return boltfile.Guard(func() error {
		return r.into.Update(func(tx *bolt.Tx) error { return change(tx, &r.dicts) })
	})
}

// months takes over the months of which any file has something.
func (r *rebuild) months() error {
	all := make(map[rollup.MonthID]bool)
	for _, s := range r.from {
		var months []rollup.MonthID
		err := s.view(func(tx *bolt.Tx) (err error) {
			months, err = layout.MonthsOf(tx)
			return err
		})
		if err != nil {
			return err
		}
		for _, m := range months {
			all[m] = true
		}
	}
	tell := r.progress
	if tell == nil {
		tell = func(int64, int64) {}
	}
	total := int64(len(all))
	for i, month := range slices.Sorted(maps.Keys(all)) {
		tell(int64(i), total)
		if err := r.month(month); err != nil {
			return fmt.Errorf("%s: %w", month, err)
		}
	}
	tell(total, total)
	return nil
}

func (r *rebuild) touch(month layout.ProductMonth, instance string) {
	if r.touched == nil {
		r.touched = make(map[layout.ProductMonth]map[string]struct{})
	}
	if r.touched[month] == nil {
		r.touched[month] = make(map[string]struct{})
	}
	r.touched[month][instance] = struct{}{}
}

// month takes over a month, product by product.
func (r *rebuild) month(month rollup.MonthID) error {
	var products []string
	for _, s := range r.from {
		err := s.view(func(tx *bolt.Tx) error {
			some, err := layout.ProductsOf(tx, month)
			products = append(products, some...)
			return err
		})
		if err != nil {
			return err
		}
	}
	slices.Sort(products)
	var leftOut rollup.DaySet
	for _, product := range slices.Compact(products) {
		left, err := r.product(product, month)
		if err != nil {
			return err
		}
		leftOut |= left
	}
	r.leftOut += leftOut.Len()
	return nil
}

// product takes over a product's month. The months' own records come first: they tell
// which days are not whole any more. What any file has closed is closed. It returns the
// days that were left out.
func (r *rebuild) product(product string, month rollup.MonthID) (leftOut rollup.DaySet, err error) {
	var all monthDays
	var gone rollup.DaySet
	for _, s := range r.from {
		days, err := s.monthDays(month, product)
		if err != nil {
			return 0, err
		}
		own, err := r.own(s, product, month)
		if err != nil {
			return 0, err
		}
		all.add(days)
		if r.wholeDays {
			gone |= days.removed | own&^days.days // files of earlier versions do not note it
		}
	}
	for _, s := range r.from {
		if err := r.days(s, product, month, gone); err != nil {
			return 0, err
		}
	}
	if open := all.pending & all.open &^ gone; open != 0 {
		if err := fold.Days(r.ctx, r.into.view, product, month, open, r.putMonths(product, month)); err != nil {
			return 0, err
		}
	}
	if r.afterDays != nil {
		if err := r.afterDays(product, month, all.pending); err != nil {
			return 0, err
		}
	}
	return gone & all.days, r.note(product, month, all.pending|gone, gone)
}

// note notes which days of a product are closed, and which were removed.
func (r *rebuild) note(product string, month rollup.MonthID, closed, removed rollup.DaySet) error {
	return r.write(func(tx *bolt.Tx, _ *layout.Dictionaries) (err error) {
		for _, set := range []struct {
			key  []byte
			days rollup.DaySet
		}{{layout.KeyPending, closed}, {layout.KeyClosed, closed}, {layout.KeyRemoved, removed}} {
			if set.days != 0 {
				err = errors.Join(err, layout.AddDays(tx, month, product, set.key, set.days))
			}
		}
		return err
	})
}

// own merges a file's own records of a product's month, and returns their days.
func (r *rebuild) own(s *database, product string, month rollup.MonthID) (days rollup.DaySet, err error) {
	name := layout.PartitionName{Product: product, Month: month, Own: true}
	err = layout.EachMonth(r.ctx, s.view, name, r.keeps(name), func(chunk []rollup.InstanceMonth) error {
		for _, m := range chunk {
			days |= m.Month.Days()
		}
		if r.ownKept != nil {
			chunk = r.ownKept(name, chunk)
		}
		return r.putMonths(product, month)(chunk)
	})
	return days, err
}

// days merges a file's days of a product's month; those that are gone go into the month
// only.
func (r *rebuild) days(s *database, product string, month rollup.MonthID, gone rollup.DaySet) error {
	var present rollup.DaySet
	err := s.view(func(tx *bolt.Tx) error {
		present = layout.PresentDays(tx, month, product)
		return nil
	})
	for date := month.First(); date <= month.Last() && err == nil; date++ {
		name := layout.PartitionName{Product: product, Month: month, Day: date}
		switch day := rollup.DaySetOf(date.DayOfMonth()); {
		case present&day == 0:
		case gone&day != 0:
			err = layout.EachDay(r.ctx, s.view, name, layout.BuildChunk, r.keeps(name), func(chunk []rollup.InstanceDay) error {
				return r.putMonths(product, month)(monthsOfDay(date, chunk))
			})
		default:
			err = r.day(s, name)
		}
	}
	return err
}

// day merges a file's day.
func (r *rebuild) day(s *database, name layout.PartitionName) error {
	before := r.removed
	err := layout.EachDay(r.ctx, s.view, name, layout.BuildChunk, r.keeps(name), func(chunk []rollup.InstanceDay) error { return r.putDays(name, chunk) })
	if err != nil {
		return err
	}
	return r.version(name, r.removed > before)
}

// keeps tells of a partition's instances whether they are kept, and counts.
func (r *rebuild) keeps(name layout.PartitionName) func(instance string) bool {
	return func(instance string) bool {
		if r.drops == nil || !r.drops(name, instance) {
			return true
		}
		r.removed++
		r.touch(layout.ProductMonth{Product: name.Product, Month: name.Month}, instance)
		return false
	}
}

// putMonths returns what merges into a month's own records.
func (r *rebuild) putMonths(product string, month rollup.MonthID) func(chunk []rollup.InstanceMonth) error {
	return func(chunk []rollup.InstanceMonth) error {
		return r.write(func(tx *bolt.Tx, dicts *layout.Dictionaries) error {
			return layout.PutMonths(tx, dicts, product, month, chunk)
		})
	}
}

// putDays merges records into a day alone. layout.DayMerge would merge them into the
// month too, which has them already, and give the day a new version.
func (r *rebuild) putDays(name layout.PartitionName, chunk []rollup.InstanceDay) error {
	return r.write(func(tx *bolt.Tx, dicts *layout.Dictionaries) error {
		p, err := dicts.Day(tx, name.Day, name.Product)
		if err != nil {
			return err
		}
		for _, d := range chunk {
			if _, err := layout.MergeDay(p, record.Key(d.Instance), d.Day); err != nil {
				return err
			}
		}
		return nil
	})
}

// version gives a day a higher version if it is not what it was, and one that is new
// its first.
func (r *rebuild) version(name layout.PartitionName, changed bool) error {
	return r.write(func(tx *bolt.Tx, _ *layout.Dictionaries) (err error) {
		if b := layout.DayOf(tx, name.Day, name.Product); b != nil && (changed || b.Sequence() == 0) {
			_, err = b.NextSequence()
		}
		return err
	})
}

func monthsOfDay(date rollup.Date, days []rollup.InstanceDay) []rollup.InstanceMonth {
	months := make([]rollup.InstanceMonth, len(days))
	for i, d := range days {
		months[i] = rollup.InstanceMonth{Instance: d.Instance, Month: rollup.FromDay(date.DayOfMonth(), d.Day)}
	}
	return months
}
