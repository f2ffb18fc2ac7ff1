package rewrite

import (
	"encoding/json"
	"maps"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// figures treats the snapshots of the months that had any of the selection.
func (f *forgetter) figures() error {
	for name := range f.touched {
		if err := f.figuresOf(name); err != nil {
			return err
		}
	}
	return nil
}

// figuresOf empties the snapshot of a month that is not final. It
// is counted anew, and must not stand against a count without the instance. It is not
// removed, or the mirror would bring it back. What is final, or the original server's,
// stays: a sum over all instances that nothing would count again; but not its confirmed
// figures, which are counted anew from the records that are left. It notes how many its next
// count may lack; where it is to be counted again, since others are excluded by now, it stays so.
func (f *forgetter) figuresOf(name layout.ProductMonth) error {
	was, excluded, err := f.standing(name)
	if err != nil || was == nil {
		return err
	}
	s := *was
	return f.write(func(tx *bolt.Tx, _ *layout.Dictionaries) error {
		var left any
		counted := s.Source == rollup.SourceRollups || s.Source == rollup.SourceVictoriaMetrics
		switch {
		case counted && !s.Final && name.Product != rollup.Cozystack:
			left = rollup.ProductSnapshot{Product: name.Product, Month: name.Month, CollectedAt: s.CollectedAt, Source: s.Source}
		case counted && !s.Final:
			left = rollup.Snapshot{Month: name.Month, CollectedAt: s.CollectedAt, Source: s.Source}
		case counted && name.Product == rollup.Cozystack:
			if excluded.Stale(s) {
				s.Excluding, excluded = rollup.ExcludingOthers, rollup.Exclusions{} // it may have them all
			}
			s.Confirmed, s.Forgotten = nil, s.Forgotten+f.gone(tx, name, excluded)
			left = s
		default:
			return nil
		}
		v, err := json.Marshal(left)
		if err != nil {
			return err
		}
		return layout.PutSnapshot(tx, name.Product, name.Month, v)
	})
}

// standing returns the snapshot of a month as the old file has it, nil if it has none, and
// what is excluded there.
func (f *forgetter) standing(name layout.ProductMonth) (was *rollup.Snapshot, excluded rollup.Exclusions, err error) {
	err = f.from[0].view(func(tx *bolt.Tx) error {
		b := layout.SnapshotsOf(tx, name.Product)
		if b == nil {
			return nil
		}
		v := b.Get([]byte(name.Month.String()))
		if v == nil {
			return nil
		}
		s, err := record.DecodeRanked(name.Product, v)
		was, excluded = &s, layout.ExclusionsOf(tx, name.Product)
		return err
	})
	return was, excluded, err
}

// gone returns how many instances had records of a month that have none any more, but for
// those of which its figures have nothing.
func (f *forgetter) gone(tx *bolt.Tx, name layout.ProductMonth, excluded rollup.Exclusions) int64 {
	had := slices.DeleteFunc(slices.Collect(maps.Keys(f.touched[name])), func(instance string) bool {
		_, out := slices.BinarySearch(excluded.Instances, instance)
		return out
	})
	return int64(len(had) - len(layout.Reported(tx, name.Month, name.Product, had)))
}
