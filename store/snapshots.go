package store

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Snapshot returns the stored snapshot of a month; ok is false if there is none.
func (s *Store) Snapshot(month rollup.MonthID) (snap rollup.Snapshot, ok bool, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		v := tx.Bucket(layout.BucketSnapshots).Get([]byte(month.String()))
		if v == nil {
			return nil
		}
		ok = true
		return record.DecodeSnapshot(v, &snap)
	})
	if err != nil {
		return rollup.Snapshot{}, false, fmt.Errorf("store: snapshot of %s: %w", month, err)
	}
	return snap, ok, nil
}

// Snapshots returns all stored snapshots, the oldest month first.
func (s *Store) Snapshots() ([]rollup.Snapshot, error) {
	var all []rollup.Snapshot
	err := s.view(func(tx *bolt.Tx) error {
		return tx.Bucket(layout.BucketSnapshots).ForEach(func(k, v []byte) error {
			var snap rollup.Snapshot
			if err := record.DecodeSnapshot(v, &snap); err != nil {
				return fmt.Errorf("%s: %w", k, err)
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
	if _, err := json.Marshal(offered); err != nil { // would fail all of the transaction
		return rollup.Snapshot{}, fmt.Errorf("store: offer a snapshot of %s: %w", offered.Month, err)
	}
	var kept rollup.Snapshot // the writer's, until err is nil
	err := s.update(ctx, func(tx *bolt.Tx) error {
		b, key := tx.Bucket(layout.BucketSnapshots), []byte(offered.Month.String())
		kept = offered
		before := b.Get(key)
		if before != nil {
			var stored rollup.Snapshot
			if err := record.DecodeSnapshot(before, &stored); err != nil {
				return err
			}
			kept = layout.ExclusionsOf(tx, rollup.Cozystack).Keep(stored, offered)
		}
		after, err := json.Marshal(kept)
		if err != nil || bytes.Equal(before, after) {
			return err
		}
		return b.Put(key, after)
	})
	if err != nil {
		return rollup.Snapshot{}, fmt.Errorf("store: offer a snapshot of %s: %w", offered.Month, err)
	}
	return kept, nil
}
