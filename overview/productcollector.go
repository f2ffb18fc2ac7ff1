package overview

import (
	"context"
	"errors"
	"fmt"

	"github.com/cozystack/cozystack-telemetry-server/product"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// collectProducts gives the months of products that have ended their final snapshots, and
// counts those again whose records have changed.
func (c *collector) collectProducts(ctx context.Context) error {
	var failed error
	for _, p := range c.cfg.Products {
		first, ok, err := c.store.FirstMonth(p.Name)
		failed = errors.Join(failed, err)
		for id := first; ok && id < rollup.MonthOf(c.cfg.Now()) && ctx.Err() == nil; id++ {
			failed = errors.Join(failed, c.collectProduct(ctx, p, id))
		}
	}
	return failed
}

// collectProduct counts a month that is closed: once after that, once more a day after its
// end, when all reports that were under way are certainly in, and whenever records of it
// have changed.
func (c *collector) collectProduct(ctx context.Context, p product.Product, id rollup.MonthID) error {
	key, now, late := productMonth{p.Name, id}, c.cfg.Now(), window{id, id}.late()
	if !c.closed(window{id, id}, now) {
		return nil
	}
	changes := c.store.Changes(p.Name, id) // before it is counted, so that no report is missed
	then, counted := c.counted[key]
	if counted && then == changes {
		return nil
	}
	stored, ok, err := c.store.ProductSnapshot(p.Name, id)
	if err != nil {
		return err
	}
	isSettled := ok && stored.Final && !c.store.Exclusions(p.Name).Stale(stored.Ranked())
	if counted || !isSettled || stored.CollectedAt.Before(late) && !now.Before(late) {
		kept, err := c.storeProduct(ctx, p, id)
		if err != nil {
			return err
		}
		if kept.Final && !stored.Final {
			c.cfg.Logger.Info().Str("product", p.Name).Stringer("month", id).Int64("instances", kept.Instances).Msg("a month is final")
		}
	}
	if !now.Before(late) {
		if c.counted == nil {
			c.counted = make(map[productMonth]uint64)
		}
		c.counted[key] = changes
	}
	return nil
}

// storeProduct counts a month of a product, and offers the store what it has found. It
// returns what stands then: the zero snapshot where there is nothing.
func (o *Overview) storeProduct(ctx context.Context, p product.Product, id rollup.MonthID) (kept rollup.ProductSnapshot, err error) {
	if o.closed(window{id, id}, o.cfg.Now()) {
		if err := o.store.CloseDays(ctx, id, id.Last()); err != nil {
			return kept, err
		}
	}
	s, _, err := o.countProduct(p, id)
	if errors.Is(err, ErrNoData) {
		return kept, nil
	}
	if err == nil {
		kept, err = o.store.OfferProductSnapshot(ctx, s)
	}
	if err != nil {
		return kept, fmt.Errorf("overview: %s of %s: %w", id, p.Name, err)
	}
	if kept.Final { // else it is soon counted again
		o.productMonths.clear()
		o.answers.clear()
	}
	return kept, nil
}

// countProductsAgain counts the months of products that were counted under other
// exclusions.
func (o *Overview) countProductsAgain(ctx context.Context) error {
	for _, p := range o.cfg.Products {
		first, ok, err := o.store.FirstMonth(p.Name)
		for id := first; err == nil && ok && id <= rollup.MonthOf(o.cfg.Now()); id++ {
			err = o.countProductAgain(ctx, p, id)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (o *Overview) countProductAgain(ctx context.Context, p product.Product, id rollup.MonthID) error {
	stored, ok, err := o.store.ProductSnapshot(p.Name, id)
	if err == nil && ok && o.store.Exclusions(p.Name).Stale(stored.Ranked()) {
		_, err = o.storeProduct(ctx, p, id)
	}
	return err
}

// Settle makes sure that a month of a product that has any records has its final snapshot,
// so that these may go. It returns false for a month that is not closed yet. The product
// need not be on.
func (o *Overview) Settle(ctx context.Context, p product.Product, id rollup.MonthID) (final bool, err error) {
	if !o.closed(window{id, id}, o.cfg.Now()) {
		return false, nil
	}
	stored, ok, err := o.store.ProductSnapshot(p.Name, id)
	if err == nil && !(ok && stored.Final) {
		_, err = o.storeProduct(ctx, p, id)
	}
	return err == nil, err
}

// saveProducts stores the running month of all products as it stands.
func (c *collector) saveProducts(ctx context.Context) error {
	now := c.cfg.Now()
	if !isDue(c.savedProducts, now) {
		return nil
	}
	var failed error
	for _, p := range c.cfg.Products {
		_, err := c.storeProduct(ctx, p, rollup.MonthOf(now))
		failed = errors.Join(failed, err)
	}
	if failed == nil {
		c.savedProducts = now
	}
	return failed
}
