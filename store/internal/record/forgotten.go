package record

import (
	"encoding/json"
	"fmt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// DecodeForgotten reads what a file notes of those who were forgotten. nil is nothing.
func DecodeForgotten(v []byte) (notes []rollup.Forgotten, err error) {
	if v == nil {
		return nil, nil
	}
	if err := json.Unmarshal(v, &notes); err != nil {
		return nil, fmt.Errorf("%w: %w", dberrors.ErrDamaged, err)
	}
	return notes, nil
}
