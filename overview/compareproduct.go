package overview

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/cozystack/cozystack-telemetry-server/product"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// ErrDiffers is returned when the rollups show other figures than a snapshot that was made
// of the very same reports.
var ErrDiffers = errors.New("the rollups show other figures")

// CompareProduct does for a product that is on what Compare does for cozystack. Its figures
// may rise and fall as more is known, so those of other reports are not held against each
// other, but how many instances they are of.
func (o *Overview) CompareProduct(s rollup.ProductSnapshot) (note string, err error) {
	p, err := o.productOf(s.Product)
	switch {
	case err != nil:
		return "", err
	case s.Source != rollup.SourceRollups:
		return fmt.Sprintf("its source is %s, so it can't be counted again", s.Source), nil
	case o.store.Exclusions(p.Name).Stale(s.Ranked()):
		return "instances were excluded or included since, so it will be counted again", nil
	}
	now, err := o.read(p, window{s.Month, s.Month})
	if err != nil {
		return "", err
	}
	reports, err := o.store.Reports(p.Name, s.Month)
	switch {
	case err != nil:
		return "", err
	case now.Instances == 0:
		return "its rollups were removed, so the figures can't be counted again", nil
	case p.Sessions && now.Days < s.DaysWithData:
		return "days of it were removed, so the figures can't be counted again", nil
	case now.Instances < s.Instances:
		return "", fmt.Errorf("%w: instances is %d, and %d in the snapshot", ErrLess, now.Instances, s.Instances)
	case now.Days < s.DaysWithData:
		return "", fmt.Errorf("%w: days_with_data is %d, and %d in the snapshot", ErrLess, now.Days, s.DaysWithData)
	case now.Instances > s.Instances || now.Days > s.DaysWithData || reports > s.Reports:
		return "the rollups have more: reports came after the figures were made", nil
	case reports < s.Reports:
		return "how many reports there were is not known any more: the file was restored from a mirror", nil
	}
	return "", sameFigures(s, now)
}

// sameFigures holds figures of the same reports against each other. Those that another
// version has not made are not meant.
func sameFigures(s rollup.ProductSnapshot, now product.Figures) error {
	for _, name := range slices.Sorted(maps.Keys(s.Metrics)) {
		if v, ok := now.Metrics[name]; ok && !near(v, s.Metrics[name]) {
			return fmt.Errorf("%w: %s is %v, and %v in the snapshot", ErrDiffers, name, v, s.Metrics[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Shares)) {
		if share, ok := now.Shares[name]; ok && !maps.Equal(share, s.Shares[name]) {
			return fmt.Errorf("%w: %s is %v, and %v in the snapshot", ErrDiffers, name, share, s.Shares[name])
		}
	}
	return nil
}

// near tells whether two sums are the same but for the order in which they were made.
func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(math.Abs(a), math.Abs(b)) }
