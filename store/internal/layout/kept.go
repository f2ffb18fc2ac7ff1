package layout

import (
	"cmp"
	"maps"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// keptShare is which part of a dictionary is for the series that are kept: the last
// quarter.
const keptShare = 4

// kept returns the series for which a dictionary has room when others find none, beside
// those that are always known: what the instances had in the month before that were seen
// on ConfirmDays days of it, as far as that month is closed, but for those that are
// excluded.
//
// All records of a month are read for it, so it is asked for only by a dictionary that has
// come to its last part.
func (c *Dictionaries) kept(tx *bolt.Tx, name ProductMonth) map[rollup.Series]struct{} {
	if kept, ok := c.keptOf[name]; ok {
		return kept
	}
	before := ProductMonth{name.Product, name.Month - 1}
	records := RecordsOf(MonthBucket(tx, before.Month), before.Product)
	if records == nil {
		return nil // it may still be closed
	}
	if c.keptOf == nil || len(c.keptOf) == maxCachedDictionaries {
		c.keptOf = make(map[ProductMonth]map[rollup.Series]struct{})
	}
	kept := c.Limits.heaviest(tx, before, records)
	c.keptOf[name] = kept
	return kept
}

// heaviest reads a month for kept. What of it can't be read counts for nothing. Each
// instance has one vote, which its series share: of more than there is room for, those
// stay that many had, and those of who has few.
func (l *Limits) heaviest(tx *bolt.Tx, name ProductMonth, records *bolt.Bucket) map[rollup.Series]struct{} {
	dict, votes := DictionaryOf(tx, name.Month, name.Product), make(map[rollup.Series]float64)
	excluded := ExcludedKeys(tx, name.Product)
	cursor := records.Cursor()
	for k, v := cursor.First(); k != nil; k, v = cursor.Next() {
		if _, out := excluded[string(k)]; out {
			continue
		}
		m, err := record.DecodeMonth(v, dict)
		if err != nil || m.Days().Len() < l.ConfirmDays {
			continue
		}
		for _, p := range m.Peaks {
			votes[p.Series] += 1 / float64(len(m.Peaks))
		}
	}
	all := slices.SortedFunc(maps.Keys(votes), func(a, b rollup.Series) int {
		return cmp.Or(cmp.Compare(votes[b], votes[a]), cmp.Compare(a, b))
	})
	kept := make(map[rollup.Series]struct{})
	// Each may bring its metric's bare name along.
	room := max(l.Dictionary/keptShare/2-len(l.Known), 0)
	for _, s := range all[:min(len(all), room)] {
		kept[s] = struct{}{}
	}
	return kept
}
