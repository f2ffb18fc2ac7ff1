package attack

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/child"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Figures are those of a month. Their zero value is what there is of none.
type Figures struct {
	Clusters int64 `json:"clusters"`
	Nodes    int64 `json:"total_nodes"`
	Tenants  int64 `json:"total_tenants"`
	// Apps has those above 0.
	Apps map[string]int64 `json:"apps"`
}

// Moment is what the running month shows at a time.
type Moment struct {
	Seen Figures `json:"seen"`
	// Confirmed is nil where there are none, as in the first days of a file.
	Confirmed *Figures `json:"confirmed"`
}

func (f Figures) equal(o Figures) bool {
	return f.Clusters == o.Clusters && f.Nodes == o.Nodes && f.Tenants == o.Tenants && maps.Equal(f.Apps, o.Apps)
}

// within tells whether no figure is above the other's.
func (f Figures) within(o Figures) bool {
	for app, n := range f.Apps {
		if n > o.Apps[app] {
			return false
		}
	}
	return f.Clusters <= o.Clusters && f.Nodes <= o.Nodes && f.Tenants <= o.Tenants
}

func (f Figures) plus(o Figures) Figures {
	sum := Figures{f.Clusters + o.Clusters, f.Nodes + o.Nodes, f.Tenants + o.Tenants, maps.Clone(f.Apps)}
	for app, n := range o.Apps {
		sum.Apps[app] += n
	}
	return sum
}

// apps is how many applications of all kinds there are.
func (f Figures) apps() (n int64) {
	for _, of := range f.Apps {
		n += of
	}
	return n
}

func (m Moment) equal(o Moment) bool {
	if m.Confirmed == nil || o.Confirmed == nil {
		return m.Seen.equal(o.Seen) && m.Confirmed == o.Confirmed
	}
	return m.Seen.equal(o.Seen) && m.Confirmed.equal(*o.Confirmed)
}

// figures asks a server for a month.
func figures(ctx context.Context, url string, month rollup.MonthID) (m Moment, err error) {
	a, err := child.Get(ctx, url+month.Start().Format("/api/overview?year=2006&month=1"))
	if err != nil {
		return m, err
	}
	var answer struct {
		Periods struct {
			Month struct {
				Figures
				Confirmed *Figures
			}
		}
	}
	if err := json.Unmarshal(a.Body, &answer); err != nil {
		return m, fmt.Errorf("attack: %w: %.200s", err, a.Body)
	}
	m = Moment{answer.Periods.Month.Figures, answer.Periods.Month.Confirmed}
	for _, f := range []*Figures{&m.Seen, m.Confirmed} {
		if f != nil {
			maps.DeleteFunc(f.Apps, func(_ string, n int64) bool { return n == 0 })
		}
	}
	return m, nil
}
