package overview

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/product"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

var (
	// ErrNoProduct is returned for a product that is not answered for. Its text names
	// those that are.
	ErrNoProduct = errors.New("is not a product of this server")
	// ErrNoDistinct is returned for a distinct count of sessions.
	ErrNoDistinct = errors.New("has sessions, which nothing joins from one day to the next, so there is no distinct count; ask for the average")
)

// productOf returns the table of a product that is on.
func (o *Overview) productOf(name string) (product.Product, error) {
	i := slices.IndexFunc(o.cfg.Products, func(p product.Product) bool { return p.Name == name })
	if i < 0 {
		return product.Product{}, fmt.Errorf("overview: %q %w; %s", name, ErrNoProduct, o.productsText())
	}
	return o.cfg.Products[i], nil
}

// productsText names the products that can be asked for.
func (o *Overview) productsText() string {
	names := []string{rollup.Cozystack}
	for _, p := range o.cfg.Products {
		names = append(names, p.Name)
	}
	return "this server answers for " + strings.Join(names, ", ")
}

// isOff tells whether a product is known, but not on.
func (o *Overview) isOff(name string) bool { return slices.Contains(o.cfg.Off, name) }

// canCount tells why an aggregate can't be had of a product.
func canCount(p product.Product, a Aggregate) error {
	if p.Sessions && a == Distinct {
		return fmt.Errorf("overview: %s %w", p.Name, ErrNoDistinct)
	}
	return nil
}

// productMonth is a month of a product.
type productMonth struct {
	product string
	month   rollup.MonthID
}

// productMonth returns the snapshot of a product's month for as long as it holds.
func (o *Overview) productMonth(ctx context.Context, p product.Product, id rollup.MonthID) (leased[rollup.ProductSnapshot], error) {
	key := productMonth{p.Name, id}
	l, _, err := o.productMonths.recall(ctx, &o.tasks, key, o.cfg.Now(), func() (leased[rollup.ProductSnapshot], error) {
		return o.loadProductMonth(p, id)
	})
	return l, err
}

// loadProductMonth finds the snapshot: a final one as it is stored, else what is counted
// now. Of a month whose rollups are gone, or a part of them, the stored one stays.
func (o *Overview) loadProductMonth(p product.Product, id rollup.MonthID) (leased[rollup.ProductSnapshot], error) {
	none := leased[rollup.ProductSnapshot]{}
	now := o.cfg.Now()
	stored, ok, err := o.store.ProductSnapshot(p.Name, id)
	if err != nil {
		return none, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	closed, excluded := o.closed(window{id, id}, now), o.store.Exclusions(p.Name)
	stale := ok && excluded.Stale(stored.Ranked())
	if ok && closed && !stale && stored.Final {
		return lease(stored, now, forever), nil
	}
	// A final snapshot of a month that is not closed comes from a clock that was ahead.
	rival := ok && (closed || !stored.Final) && stored.Instances > 0
	s, until, err := o.countProduct(p, id)
	switch {
	case errors.Is(err, ErrNoData) && rival && (!stale || stored.Instances > int64(len(excluded.Instances))):
		return lease(stored, now, rollupsTTL), nil
	case err != nil:
		return none, err
	case s.Final || stale:
		kept, err := o.store.OfferProductSnapshot(o.base, s)
		if err == nil {
			s = kept
		} else {
			o.cfg.Logger.Error().Err(err).Str("product", p.Name).Stringer("month", id).Msg("a month could not be stored")
		}
	case rival:
		s = excluded.KeepProduct(stored, s)
	}
	return leased[rollup.ProductSnapshot]{s, now, until}, nil
}

// countProduct counts a month of a product from the rollups. The error is ErrNoData if
// they have nothing of it.
func (o *Overview) countProduct(p product.Product, id rollup.MonthID) (s rollup.ProductSnapshot, until time.Time, err error) {
	w, now := window{id, id}, o.cfg.Now()
	excluded := o.store.Exclusions(p.Name) // what is excluded while it is counted makes it stale
	f, until, err := o.tally(p, w)
	reports, reportsErr := o.store.Reports(p.Name, id)
	switch err := errors.Join(err, reportsErr); {
	case err != nil:
		return s, until, fmt.Errorf("%w: %w", ErrUnavailable, err)
	case f.Instances == 0 && reports == 0:
		return s, until, fmt.Errorf("%w: %s of %s", ErrNoData, w.label(), p.Name)
	}
	return rollup.ProductSnapshot{
		Product:      p.Name,
		Month:        id,
		CollectedAt:  now.UTC(),
		Instances:    f.Instances,
		Reports:      reports,
		DaysWithData: f.Days,
		Source:       rollup.SourceRollups,
		Final:        o.closed(w, now),
		Metrics:      f.Metrics,
		Shares:       f.Shares,
		Excluding:    excluded.Digest,
	}, until, nil
}
