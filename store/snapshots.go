package store

import (
	"context"
	"encoding/json"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Snapshot returns the stored snapshot of a month; ok is false if there is none.
func (s *Store) Snapshot(month rollup.MonthID) (snap rollup.Snapshot, ok bool, err error) {
	return snapshot[rollup.Snapshot](s, rollup.Cozystack, month)
}

// ProductSnapshot does for another product than cozystack what [Store.Snapshot] does.
func (s *Store) ProductSnapshot(product string, month rollup.MonthID) (snap rollup.ProductSnapshot, ok bool, err error) {
	if !isOther(product) {
		return snap, false, fmt.Errorf("store: snapshot of %s: %w", month, dberrors.ErrNameless)
	}
	return snapshot[rollup.ProductSnapshot](s, product, month)
}

// isOther tells whether a product has ProductSnapshots.
func isOther(product string) bool { return isProduct(product) && product != rollup.Cozystack }

// ranking are the figures of a month, of any product.
type ranking interface {
	rollup.Snapshot | rollup.ProductSnapshot
	Ranked() rollup.Snapshot
}

func snapshot[S ranking](s *Store, product string, month rollup.MonthID) (snap S, ok bool, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		snap, ok, err = decodeStored[S](tx, product, month)
		return err
	})
	if err != nil {
		return *new(S), false, fmt.Errorf("store: snapshot of %s: %w", month, err)
	}
	return snap, ok, nil
}

func decodeStored[S ranking](tx *bolt.Tx, product string, month rollup.MonthID) (snap S, ok bool, err error) {
	b := layout.SnapshotsOf(tx, product)
	if b == nil {
		return snap, false, nil
	}
	v := b.Get([]byte(month.String()))
	if v == nil {
		return snap, false, nil
	}
	return snap, true, record.DecodeSnapshot(v, &snap)
}

// Snapshots returns all stored snapshots, the oldest month first.
func (s *Store) Snapshots() ([]rollup.Snapshot, error) {
	return snapshots[rollup.Snapshot](s, func(product string) bool { return product == rollup.Cozystack })
}

// ProductSnapshots returns all stored snapshots of other products than cozystack, by
// product, the oldest month of each first.
func (s *Store) ProductSnapshots() ([]rollup.ProductSnapshot, error) {
	return snapshots[rollup.ProductSnapshot](s, isOther)
}

func snapshots[S ranking](s *Store, of func(product string) bool) ([]S, error) {
	var all []S
	err := s.view(func(tx *bolt.Tx) error {
		return layout.EachSnapshot(tx, func(product string, month, v []byte) error {
			if !of(product) {
				return nil
			}
			var snap S
			if err := record.DecodeSnapshot(v, &snap); err != nil {
				return fmt.Errorf("%s: %w", month, err)
			}
			all = append(all, snap)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: snapshots: %w", err)
	}
	return all, nil
}

// OfferSnapshot stores a month's snapshot, unless a better one is stored, by the rule
// of [rollup.Exclusions.Keep], and returns what stands now. The two are
// compared in the transaction that writes, so that of several who offer at a time
// the best one stays. It returns once that is durable. What was offered must not be
// changed afterwards.
func (s *Store) OfferSnapshot(ctx context.Context, offered rollup.Snapshot) (rollup.Snapshot, error) {
	return keepBetter(ctx, s, rollup.Cozystack, offered.Month, offered, rollup.Exclusions.Keep)
}

// OfferProductSnapshot does for another product than cozystack what
// [Store.OfferSnapshot] does, by the rule of [rollup.Exclusions.KeepProduct].
func (s *Store) OfferProductSnapshot(ctx context.Context, offered rollup.ProductSnapshot) (rollup.ProductSnapshot, error) {
	if !isOther(offered.Product) {
		return rollup.ProductSnapshot{}, fmt.Errorf("store: offer a snapshot of %s: %w", offered.Month, dberrors.ErrNameless)
	}
	return keepBetter(ctx, s, offered.Product, offered.Month, offered, rollup.Exclusions.KeepProduct)
}

// WouldKeep returns what OfferSnapshot would, and changes nothing.
func (s *Store) WouldKeep(offered rollup.Snapshot) (rollup.Snapshot, error) {
	return wouldKeep(s, rollup.Cozystack, offered.Month, offered, rollup.Exclusions.Keep)
}

// WouldKeepProduct does for another product what WouldKeep does.
func (s *Store) WouldKeepProduct(offered rollup.ProductSnapshot) (rollup.ProductSnapshot, error) {
	if !isOther(offered.Product) {
		return rollup.ProductSnapshot{}, fmt.Errorf("store: hold a snapshot of %s against the stored one: %w", offered.Month, dberrors.ErrNameless)
	}
	return wouldKeep(s, offered.Product, offered.Month, offered, rollup.Exclusions.KeepProduct)
}

func wouldKeep[S ranking](s *Store, product string, month rollup.MonthID,
	offered S, keep func(x rollup.Exclusions, stored, offered S) S,
) (kept S, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		kept, err = standing(tx, product, month, offered, keep)
		return err
	})
	if err != nil {
		return kept, fmt.Errorf("store: hold a snapshot of %s against the stored one: %w", month, err)
	}
	return kept, nil
}

// standing returns what stands of a month if a snapshot is offered. The rollups can lack no
// more of the excluded than they have in the month; vmselect may have had any. How many
// that are is asked only where it decides.
func standing[S ranking](tx *bolt.Tx, product string, month rollup.MonthID,
	offered S, keep func(x rollup.Exclusions, stored, offered S) S,
) (S, error) {
	stored, ok, err := decodeStored[S](tx, product, month)
	if err != nil || !ok {
		return offered, err
	}
	excluded := layout.ExclusionsOf(tx, product)
	if before, now := stored.Ranked(), offered.Ranked(); excluded.Stale(before) && !heardAgain(before, now) {
		excluded.Instances = layout.Reported(tx, month, product, excluded.Instances)
	}
	return keep(excluded, stored, offered), nil
}

// heardAgain tells whether vmselect has counted a month of which it still has all days.
func heardAgain(before, now rollup.Snapshot) bool {
	return now.Source == rollup.SourceVictoriaMetrics && now.DaysWithData >= before.DaysWithData
}

func keepBetter[S ranking](ctx context.Context, s *Store, product string, month rollup.MonthID,
	offered S, keep func(x rollup.Exclusions, stored, offered S) S,
) (S, error) {
	var kept S                                       // the writer's, until err is nil
	if _, err := json.Marshal(offered); err != nil { // would fail all of the transaction
		return kept, fmt.Errorf("store: offer a snapshot of %s: %w", month, err)
	}
	err := s.update(ctx, func(tx *bolt.Tx) (err error) {
		if kept, err = standing(tx, product, month, offered, keep); err != nil {
			return err
		}
		v, err := json.Marshal(kept)
		if err != nil {
			return err
		}
		return layout.PutSnapshot(tx, product, month, v)
	})
	if err != nil {
		return *new(S), fmt.Errorf("store: offer a snapshot of %s: %w", month, err)
	}
	return kept, nil
}
