package store

import (
	"errors"
	"slices"
	"strings"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/fold"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// folds compares a month's own records with the fold of its days. A record must
// hold what the closed days have, but for series: bounds may have kept some out. It
// must hold no more than the days, where none of them was removed: of a removed day
// only the month knows, and a late report may make such a day anew.
func (c *checker) folds(tx *bolt.Tx, month rollup.MonthID, product string) error {
	parent := layout.MonthBucket(tx, month)
	dict := layout.DictionaryOf(tx, month, product)
	records := layout.RecordsOf(parent, product)
	own := func(instance string) (m rollup.Month) {
		if records == nil {
			return m
		}
		if v := records.Get(record.Key(instance)); v != nil {
			m, _ = record.DecodeMonth(v, dict) // a record that does not decode was reported
		}
		return m
	}
	sets := layout.MonthOf(tx, month, product)
	closed, pending := layout.DaySet(sets, layout.KeyClosed), layout.DaySet(sets, layout.KeyPending)
	err := c.foldOf(tx, product, month, closed, func(instance string, days rollup.Month) {
		if !covers(own(instance), days) {
			c.report(ProblemFold, "%s: %q: the month lacks some of a day that is folded", month, instance)
		}
	})
	if err != nil || layout.DaySet(sets, layout.KeyRemoved) != 0 || closed&^layout.PresentDays(tx, month, product) != 0 {
		return err
	}
	return c.foldOf(tx, product, month, pending, func(instance string, days rollup.Month) {
		if !days.Merge(own(instance)).Equal(days) {
			c.report(ProblemFold, "%s: %q: the month has more than its days", month, instance)
		}
	})
}

// foldOf calls fn with the fold of some days of each instance that has any of them.
func (c *checker) foldOf(tx *bolt.Tx, product string, month rollup.MonthID, days rollup.DaySet,
	fn func(instance string, days rollup.Month),
) error {
	f, err := fold.OpenDays(tx, product, month, days)
	if err == nil {
		err = f.Run(c.ctx, record.Range{}, func(instance string, _ uint64, months []rollup.Month) error {
			fn(instance, months[0])
			return nil
		})
	}
	if errors.Is(err, dberrors.ErrDamaged) {
		return nil // the dictionary or the record was reported
	}
	return err
}

// covers tells whether a month has all that some days have, but for series: merging
// these once more changes nothing.
func covers(m, days rollup.Month) bool {
	all := m.Merge(days)
	all.Peaks = slices.DeleteFunc(slices.Clone(all.Peaks), func(p rollup.Peak) bool {
		_, has := slices.BinarySearchFunc(m.Peaks, p.Series, func(own rollup.Peak, series rollup.Series) int {
			return strings.Compare(string(own.Series), string(series))
		})
		return !has
	})
	return all.Equal(m)
}
