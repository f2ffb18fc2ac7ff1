package load

import (
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/fleet"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/others"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Month has the true figures of one month, and what makes it hard to count.
type Month struct {
	fleet.Figures
	Confirmed int64 `json:"confirmed_clusters"`
	// ConfirmedFigures are those of the confirmed clusters, each with its second-highest
	// day.
	ConfirmedFigures fleet.Figures `json:"confirmed"`
	// Upgraded counts the clusters that reported two kernels in the month.
	Upgraded int64 `json:"upgraded"`
	// NodesUpper are the nodes that are counted from the peaks of the series of
	// cozy_nodes_count: too many where a kernel was upgraded.
	NodesUpper int64 `json:"nodes_upper"`
	// Products are the figures of other products, by their names.
	Products map[string]others.Figures `json:"products,omitempty"`
}

// Months are the true figures of each month.
type Months map[rollup.MonthID]Month

// addProducts adds those of other products, if there are any.
func (months Months) addProducts(products map[string]*others.Truth) {
	if len(products) == 0 {
		return
	}
	for id, m := range months {
		m.Products = make(map[string]others.Figures)
		for name, truth := range products {
			m.Products[name] = truth.Figures(id.Start(), id.Start())
		}
		months[id] = m
	}
}

// truths counts a history month by month.
type truths map[rollup.MonthID]*fleet.Truth

func (t truths) add(c *fleet.Cluster, client fleet.Client, step int, at time.Time) {
	month := rollup.MonthOf(at)
	if t[month] == nil {
		t[month] = new(fleet.Truth)
	}
	t[month].Add(c, client, step, int(rollup.DateOf(at)))
}

// merge adds what was seen of other clusters of the same fleet.
func (t truths) merge(o truths) {
	for month, truth := range o {
		if t[month] == nil {
			t[month] = new(fleet.Truth)
		}
		t[month].Merge(truth)
	}
}

func (t truths) months(confirmDays int) Months {
	months := make(Months)
	for m, truth := range t {
		months[m] = Month{
			truth.Figures(m.String()), truth.Confirmed(confirmDays), truth.ConfirmedFigures(m.String(), confirmDays),
			truth.Upgraded(), truth.NodesUpper(), nil,
		}
	}
	return months
}
