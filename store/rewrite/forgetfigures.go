package rewrite

import (
	"encoding/json"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// figures empties the snapshot of a month that had the instance and is not final. It
// is counted anew, and must not stand against a count without the instance. It is not
// removed, or the mirror would bring it back. What is final, or the original server's,
// stays: a sum over all instances that nothing would count again; but not its confirmed
// figures, which are counted anew from the records that are left.
func (f *forgetter) figures(name layout.ProductMonth) error {
	return f.write(func(tx *bolt.Tx, _ *layout.Dictionaries) error {
		b := layout.SnapshotsOf(tx, name.Product)
		if b == nil {
			return nil
		}
		v := b.Get([]byte(name.Month.String()))
		if v == nil {
			return nil
		}
		s, err := record.DecodeRanked(name.Product, v)
		if err != nil {
			return err
		}
		var left any
		counted := s.Source == rollup.SourceRollups || s.Source == rollup.SourceVictoriaMetrics
		switch {
		case counted && !s.Final && name.Product != rollup.Cozystack:
			left = rollup.ProductSnapshot{Product: name.Product, Month: name.Month, CollectedAt: s.CollectedAt, Source: s.Source}
		case counted && !s.Final:
			left = rollup.Snapshot{Month: name.Month, CollectedAt: s.CollectedAt, Source: s.Source}
		case s.Confirmed != nil:
			s.Confirmed = nil
			left = s
		default:
			return nil
		}
		if v, err = json.Marshal(left); err != nil {
			return err
		}
		return layout.PutSnapshot(tx, name.Product, name.Month, v)
	})
}
