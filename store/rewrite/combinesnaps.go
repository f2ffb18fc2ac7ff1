package rewrite

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// candidate is what one file says of a product's month.
type candidate struct {
	product string
	snap    rollup.Snapshot // that of another product than cozystack has its rank alone
	json    []byte          // nil if the file has no figures of the month
	records bool            // the file has records of the month
	lost    bool            // but not of all days that the figures were counted of
}

// figuresOf names a product's month.
type figuresOf struct {
	product string
	month   rollup.MonthID
}

// snapshots puts the figures of each month.
func (c *combiner) snapshots() error {
	all := make(map[figuresOf][]candidate)
	for i, s := range c.from {
		err := s.view(func(tx *bolt.Tx) error {
			return layout.EachSnapshot(tx, func(product string, k, v []byte) error {
				snap, err := record.DecodeRanked(product, v)
				if err != nil {
					return fmt.Errorf("%s: %w", k, err)
				}
				name := figuresOf{product, snap.Month}
				if all[name] == nil {
					all[name] = make([]candidate, len(c.from))
				}
				all[name][i] = candidate{product: product, snap: snap, json: bytes.Clone(v)}
				return nil
			})
		})
		if err != nil {
			return err
		}
	}
	for name, candidates := range all {
		for i, s := range c.from {
			if candidates[i].json != nil {
				if err := c.restamp(s, &candidates[i]); err != nil {
					return err
				}
			}
			err := s.view(func(tx *bolt.Tx) error {
				x := &candidates[i]
				x.records = layout.MonthOf(tx, name.month, name.product) != nil
				x.lost = x.records && hasLost(tx, name, x.snap.DaysWithData)
				return nil
			})
			if err != nil {
				return err
			}
		}
		chosen := c.choose(candidates)
		if chosen == nil {
			c.left.SnapshotsDropped++
			continue
		}
		err := c.write(func(tx *bolt.Tx, _ *layout.Dictionaries) error {
			return layout.PutSnapshot(tx, name.product, name.month, chosen)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// hasLost tells whether days that figures were counted of were removed, and are not in the
// month's records either: those of sessions never are, and go one by one.
func hasLost(tx *bolt.Tx, name figuresOf, days int) bool {
	return name.product != rollup.Cozystack && layout.RemovedThrough(tx, name.product) >= name.month.First() &&
		layout.DaySet(layout.MonthOf(tx, name.month, name.product), layout.KeyClosed) == 0 &&
		layout.PresentDays(tx, name.month, name.product).Len() < days
}

// choose returns the figures that a month gets, nil for none. There is at least one
// candidate that has figures. Those that were not counted with all records are noted
// to be unchecked: the server hears its sources about them once more. Their confirmed
// figures are left out: they come from one file's records, whatever the others' source.
// Those of days that are lost stay, but not as final ones: the server counts what is left
// once more, and takes what has more.
func (c *combiner) choose(candidates []candidate) []byte {
	stale := disagree(candidates)
	var best *candidate
	for i := range candidates {
		x := &candidates[i]
		if x.json == nil || stale && x.records && !x.lost && x.snap.Source == rollup.SourceRollups {
			continue
		}
		if best == nil || c.compareCandidates(*x, *best) > 0 {
			best = x
		}
	}
	if best == nil {
		return nil
	}
	if stale && best.lost {
		return notFinal(best.json)
	}
	more := func(x candidate) bool { return x.records && !bytes.Equal(x.json, best.json) }
	if best.snap.CheckedAt.IsZero() && best.snap.Confirmed == nil || !slices.ContainsFunc(candidates, more) {
		return best.json
	}
	unchecked := best.snap
	unchecked.CheckedAt = time.Time{}
	if best.records {
		unchecked.Confirmed = nil
	}
	b, _ := json.Marshal(unchecked) // it was read from JSON
	return b
}

// notFinal returns the figures of a product's month as those of one that is to be counted
// again.
func notFinal(figures []byte) []byte {
	var s rollup.ProductSnapshot
	_ = json.Unmarshal(figures, &s) // it was read before
	s.Final = false
	b, _ := json.Marshal(s)
	return b
}

// disagree tells whether files with records of the month have different figures of
// it, or some have none.
func disagree(candidates []candidate) bool {
	var first *candidate
	for i := range candidates {
		x := &candidates[i]
		if !x.records {
			continue
		}
		if first != nil && !bytes.Equal(first.json, x.json) {
			return true
		}
		first = x
	}
	return false
}

// compareCandidates orders figures by how much they are worth: those that leave out what
// is excluded are worth more than others. Only the very same ones compare equal.
func (c *combiner) compareCandidates(a, b candidate) int {
	fresh := 0
	excluded := c.excluded[a.product]
	switch staleA, staleB := excluded.Stale(a.snap), excluded.Stale(b.snap); {
	case staleB && !staleA:
		fresh = 1
	case staleA && !staleB:
		fresh = -1
	}
	return cmp.Or(fresh, a.snap.Compare(b.snap), a.snap.CollectedAt.Compare(b.snap.CollectedAt), bytes.Compare(a.json, b.json))
}

// appList puts the list of applications that was fetched last.
func (c *combiner) appList() error {
	var best []byte
	for _, s := range c.from {
		var list []byte
		err := s.view(func(tx *bolt.Tx) error {
			list = bytes.Clone(tx.Bucket(layout.BucketMeta).Get(layout.KeyAppList))
			return nil
		})
		if err != nil {
			return err
		}
		if cmp.Or(fetchedAt(list).Compare(fetchedAt(best)), bytes.Compare(list, best)) > 0 {
			best = list
		}
	}
	if best == nil {
		return nil
	}
	return c.write(func(tx *bolt.Tx, _ *layout.Dictionaries) error {
		return tx.Bucket(layout.BucketMeta).Put(layout.KeyAppList, best)
	})
}

// fetchedAt is all that the store reads of a list; the zero time if it can't.
func fetchedAt(list []byte) time.Time {
	var l struct {
		FetchedAt time.Time `json:"fetched_at"`
	}
	_ = json.Unmarshal(list, &l) // another program's list counts as the oldest
	return l.FetchedAt
}

// forgotten puts what any of the files says of those who were forgotten.
func (c *combiner) forgotten() error {
	for _, s := range c.from {
		var notes []rollup.Forgotten
		err := s.view(func(tx *bolt.Tx) (err error) {
			notes, err = record.DecodeForgotten(tx.Bucket(layout.BucketMeta).Get(layout.KeyForgotten))
			return err
		})
		if err == nil && len(notes) > 0 {
			err = c.write(func(tx *bolt.Tx, _ *layout.Dictionaries) error { return putNotes(tx, notes) })
		}
		if err != nil {
			return err
		}
	}
	return nil
}
