package record

import (
	"encoding/json"
	"fmt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// DecodeSnapshot reads the figures of a month.
func DecodeSnapshot[S rollup.Snapshot | rollup.ProductSnapshot](v []byte, snap *S) error {
	if err := json.Unmarshal(v, snap); err != nil {
		return fmt.Errorf("%w: %w", dberrors.ErrDamaged, err)
	}
	return nil
}

// DecodeRanked reads of the figures of a product's month what ranks them: all of them of
// cozystack.
func DecodeRanked(product string, v []byte) (snap rollup.Snapshot, err error) {
	if product == rollup.Cozystack {
		err = DecodeSnapshot(v, &snap)
		return snap, err
	}
	var of rollup.ProductSnapshot
	if err = DecodeSnapshot(v, &of); err == nil && of.Product != product {
		err = fmt.Errorf("%w: figures of %q, not of %s", dberrors.ErrDamaged, of.Product, product)
	}
	return of.Ranked(), err
}

// Stamp returns the figures of a product's month with another digest of what they leave
// out.
func Stamp(product string, v []byte, excluding string) ([]byte, error) {
	if product == rollup.Cozystack {
		var snap rollup.Snapshot
		err := DecodeSnapshot(v, &snap)
		snap.Excluding = excluding
		return marshal(snap, err)
	}
	var snap rollup.ProductSnapshot
	err := DecodeSnapshot(v, &snap)
	snap.Excluding = excluding
	return marshal(snap, err)
}

func marshal(snap any, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return json.Marshal(snap)
}
