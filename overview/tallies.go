package overview

import (
	"slices"
	"sync"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/overview/tasks"
	"github.com/cozystack/cozystack-telemetry-server/product"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// tallies keeps what was counted of products for as long as the store says that nothing
// of it has changed. It counts one window at a time, as keeper does. The zero tallies are
// empty and ready.
type tallies struct {
	mu   sync.Mutex
	kept map[productWindow]keptTally
}

// productWindow is what is counted of a product at once.
type productWindow struct {
	product string
	window  window
}

type keptTally struct {
	figures product.Figures
	changes []uint64 // of each month
}

// tally counts a window of a product from the rollups. What it returns is used for as long
// as until says, and must not be changed.
func (o *Overview) tally(p product.Product, w window) (f product.Figures, until time.Time, err error) {
	t, key := &o.tallies, productWindow{p.Name, w}
	t.mu.Lock()
	defer t.mu.Unlock()
	began, changes := o.cfg.Now(), o.changes(p.Name, w)
	if kept, ok := t.kept[key]; ok && slices.Equal(kept.changes, changes) {
		return kept.figures, began.Add(rollupsTTL), nil
	}
	f, err = o.read(p, w)
	if err != nil {
		if o.base.Err() == nil {
			o.cfg.Logger.Error().Err(err).Str("product", p.Name).Str("window", w.label()).Msg("the rollups can't be read")
		}
		return f, began.Add(rollupsTTL), err
	}
	now := o.cfg.Now()
	until = now.Add(max(rollupsTTL, tasks.Rest(now.Sub(began))))
	if t.kept == nil {
		t.kept = make(map[productWindow]keptTally)
	}
	t.kept[key] = keptTally{f, changes}
	return f, until, nil
}

// read counts a window.
func (o *Overview) read(p product.Product, w window) (product.Figures, error) {
	t := product.NewTally(p)
	var err error
	if p.Sessions {
		err = o.readSessions(p, w, t)
	} else {
		err = o.store.Fold(o.base, p.Name, w.from, w.to, nil, func(instance string, months []rollup.Month) error {
			for i, m := range months {
				if len(m.Metrics) > 0 {
					t.Add(w.from+rollup.MonthID(i), rollup.InstanceMonth{Instance: instance, Month: m})
				}
			}
			return nil
		})
	}
	if err != nil {
		return product.Figures{}, err
	}
	return t.Figures(), nil
}

// readSessions counts days, for sessions have no months.
func (o *Overview) readSessions(p product.Product, w window, t *product.Tally) error {
	excluded := o.store.Exclusions(p.Name).Instances
	for date := w.from.First(); date <= w.to.Last(); date++ {
		err := o.store.InstancesOf(o.base, p.Name, date, func(instance string, d rollup.Day) error {
			if _, out := slices.BinarySearch(excluded, instance); !out {
				t.AddSession(date, d)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
