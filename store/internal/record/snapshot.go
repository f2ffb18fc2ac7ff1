package record

import (
	"encoding/json"
	"fmt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// DecodeSnapshot reads the figures of a month.
func DecodeSnapshot(v []byte, snap *rollup.Snapshot) error {
	if err := json.Unmarshal(v, snap); err != nil {
		return fmt.Errorf("%w: %w", dberrors.ErrDamaged, err)
	}
	return nil
}
