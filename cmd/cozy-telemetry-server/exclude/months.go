package exclude

import (
	"context"
	"slices"

	"github.com/cozystack/cozystack-telemetry-server/overview"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Month is what a month shows before and after.
type Month struct {
	Month rollup.MonthID `json:"month"`
	// Source is where the stored figures of a final month come from; empty for another.
	Source rollup.Source   `json:"source,omitempty"`
	Before overview.Totals `json:"before"`
	After  overview.Totals `json:"after"`
	// Note says why a figure is not what one may think; empty if it is.
	Note string `json:"note,omitempty"`
}

const (
	noteImported = "the original server's figures can't be counted again: they stay"
	noteVMSelect = "before is vmselect's; after is what the file alone says, and vmselect is asked too where it can be told so many"
	noteStale    = "is counted again within minutes"
	noteKept     = "has clusters that the file lacks, so it is not counted again and is shown as not complete"
)

// months counts each month that changes, both ways.
func (e *Excluder) months(ctx context.Context, product string, chosen []Cluster, before, after rollup.Exclusions) ([]Month, error) {
	all := []Month{}
	first, ok := firstSeen(chosen)
	if !ok {
		return all, nil
	}
	for month := first; month <= e.lastMonth(); month++ {
		totals, err := e.totals(ctx, product, month, before, after)
		if err != nil {
			return nil, err
		}
		if totals[0] == totals[1] {
			continue
		}
		m := Month{Month: month, Before: totals[0], After: totals[1]}
		if err := e.compare(product, &m); err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// totals counts a month under some exclusions, each in its turn: of another product than
// Cozystack the instances alone.
func (e *Excluder) totals(ctx context.Context, product string, month rollup.MonthID, sets ...rollup.Exclusions) ([]overview.Totals, error) {
	if product == rollup.Cozystack {
		return e.Overview.Totals(ctx, month, sets...)
	}
	all := make([]overview.Totals, len(sets))
	err := e.Store.FoldAll(ctx, product, month, month, nil, func(instance string, _ []rollup.Month) error {
		for i, set := range sets {
			if _, out := slices.BinarySearch(set.Instances, instance); !out {
				all[i].Clusters++
			}
		}
		return nil
	})
	return all, err
}

// compare holds a month against its stored figures, which are what is shown of a final
// one.
func (e *Excluder) compare(product string, m *Month) error {
	if product != rollup.Cozystack {
		return e.compareProduct(product, m)
	}
	s, ok, err := e.Store.Snapshot(m.Month)
	if err != nil || !ok || !s.Final {
		return err
	}
	m.Source, m.Before = s.Source, totalsOf(s)
	switch s.Source {
	case rollup.SourceImported:
		m.After, m.Note = m.Before, noteImported
	case rollup.SourceVictoriaMetrics:
		m.Note = noteVMSelect
	}
	return nil
}

func (e *Excluder) compareProduct(product string, m *Month) error {
	s, ok, err := e.Store.ProductSnapshot(product, m.Month)
	if err == nil && ok && s.Final {
		m.Source, m.Before = s.Source, overview.Totals{Clusters: s.Instances}
	}
	return err
}

// settledProduct does what settled does for another product than Cozystack, whose months are
// counted from the file alone.
func (e *Excluder) settledProduct(product string, result *Result) error {
	for i := range result.Months {
		m := &result.Months[i]
		s, ok, err := e.Store.ProductSnapshot(product, m.Month)
		if err != nil {
			return err
		}
		if !ok || !s.Final {
			continue
		}
		m.Source, m.After = s.Source, overview.Totals{Clusters: s.Instances}
		if e.Store.Exclusions(product).Stale(s.Ranked()) {
			m.Note = noteStale
		}
	}
	return nil
}

// settled tells what the months show now. kept are those that no source could tell.
func (e *Excluder) settled(product string, result *Result, kept []rollup.MonthID) error {
	if product != rollup.Cozystack {
		return e.settledProduct(product, result)
	}
	for i := range result.Months {
		m := &result.Months[i]
		s, ok, err := e.Store.Snapshot(m.Month)
		if err != nil {
			return err
		}
		if !ok || !s.Final || s.Source == rollup.SourceImported {
			continue
		}
		m.Source, m.Note, m.After = s.Source, "", totalsOf(s)
		switch {
		case slices.Contains(kept, m.Month):
			m.Note = noteKept
		case e.Store.Exclusions(rollup.Cozystack).Stale(s):
			m.Note = noteStale
		}
	}
	return nil
}

func totalsOf(s rollup.Snapshot) overview.Totals {
	return overview.Totals{Clusters: s.Clusters, Nodes: s.TotalNodes, Tenants: s.TotalTenants}
}
