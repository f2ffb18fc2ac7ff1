package mirror

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// EncodeProductMonth returns the content of the file of a month of another product than
// cozystack, which DecodeProductMonth reads as the same snapshot.
func EncodeProductMonth(s rollup.ProductSnapshot) ([]byte, error) {
	s.CollectedAt = s.CollectedAt.UTC()
	if s.Metrics == nil { // objects for every reader, never null
		s.Metrics = map[string]float64{}
	}
	if s.Shares == nil {
		s.Shares = map[string]map[string]int64{}
	}
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("%s of %s: %w", monthFileName(s.Month), s.Product, err)
	}
	return append(b, '\n'), nil
}

// DecodeProductMonth reads the file of a month of another product than cozystack. What no
// server can have written is an error: counts out of range, another product or month
// inside.
func DecodeProductMonth(b []byte, product string, month rollup.MonthID) (rollup.ProductSnapshot, error) {
	var s rollup.ProductSnapshot
	if err := json.Unmarshal(b, &s); err != nil {
		return s, err
	}
	s.CollectedAt = s.CollectedAt.UTC()
	if s.Product != product {
		return s, errors.New("the product inside is another one")
	}
	if s.Month != month {
		return s, fmt.Errorf("the month inside is %s", s.Month)
	}
	return s, checkProductMonth(s)
}

func checkProductMonth(s rollup.ProductSnapshot) error {
	counts := []int64{s.Instances, s.Reports}
	for _, share := range s.Shares {
		for _, n := range share {
			counts = append(counts, n)
		}
	}
	for name, v := range s.Metrics {
		if !inRange(v) {
			return fmt.Errorf("the figure %s is %v", name, v)
		}
	}
	return checkFigures(counts, rollup.Snapshot{
		Month: s.Month, CollectedAt: s.CollectedAt, Final: s.Final, DaysWithData: s.DaysWithData, Source: s.Source,
	})
}
