package others

import (
	"math/big"
	"slices"
	"time"
)

// Figures are what a server must show of a window of months.
type Figures struct {
	Instances int64                       `json:"instances"`
	Days      int                         `json:"days_with_data"`
	Metrics   map[string]float64          `json:"metrics"`
	Shares    map[string]map[string]int64 `json:"shares"`
}

// Truth counts the reports of one product that a server has accepted. The zero Truth has
// seen nothing. It is not safe for concurrent use.
type Truth struct {
	product string
	// months have the units by name: an installation, or a session on a day.
	months map[int]map[string]*seen
	// Reports counts what was added, also of those without an id.
	Reports int
}

// Add tells of a report that a server has accepted at a time. Those of one installation
// come in the order of time.
func (t *Truth) Add(r Report, at time.Time) {
	t.product = r.Product
	t.Reports++
	unit := r.state.unit()
	if unit == "" {
		return
	}
	if t.product == KubeAtlas {
		unit += at.UTC().Format(time.DateOnly)
	}
	s := t.of(monthOf(at), unit)
	s.on[dayOf(at)] = true
	r.state.tell(s, at)
}

func monthOf(at time.Time) int { return at.UTC().Year()*12 + int(at.UTC().Month()) - 1 }

func (t *Truth) of(month int, unit string) *seen {
	if t.months == nil {
		t.months = make(map[int]map[string]*seen)
	}
	if t.months[month] == nil {
		t.months[month] = make(map[string]*seen)
	}
	if t.months[month][unit] == nil {
		t.months[month][unit] = newSeen()
	}
	return t.months[month][unit]
}

// Figures returns the figures of the months from that of one time to that of another.
func (t *Truth) Figures(from, to time.Time) Figures {
	units := make(map[string]*seen)
	for m := monthOf(from); m <= monthOf(to); m++ {
		for name, s := range t.months[m] {
			if units[name] == nil {
				units[name] = newSeen()
			}
			units[name].join(s)
		}
	}
	c := &count{Figures: Figures{
		Instances: int64(len(units)), Metrics: make(map[string]float64), Shares: make(map[string]map[string]int64),
	}}
	perDay := make(map[int64]int)
	for _, s := range units {
		c.units = append(c.units, s)
		for day := range s.on {
			perDay[day]++
		}
	}
	c.Days = len(perDay)
	switch t.product {
	case Synapse:
		c.synapse()
	case Coroot:
		c.coroot()
	default:
		c.kubeAtlas(perDay)
	}
	return c.Figures
}

// count makes figures of units.
type count struct {
	Figures
	units []*seen
}

// values returns those of all units that have one, ascending.
func (c *count) values(of number) (values []*big.Rat) {
	for _, s := range c.units {
		if v := of(s); v != nil {
			values = append(values, v)
		}
	}
	slices.SortFunc(values, (*big.Rat).Cmp)
	return values
}

func sumAll(values []*big.Rat) *big.Rat {
	sum := new(big.Rat)
	for _, v := range values {
		sum.Add(sum, v)
	}
	return sum
}

func (c *count) show(name string, v *big.Rat) { c.Metrics[name], _ = v.Float64() }

func (c *count) sum(name string, of number) { c.show(name, sumAll(c.values(of))) }

// quantiles shows the median and the 90th percentile.
func (c *count) quantiles(name string, of number) {
	values := c.values(of)
	n := len(values)
	if n == 0 {
		return
	}
	middle := new(big.Rat).Add(values[(n-1)/2], values[n/2])
	c.show(name+"_median", middle.Mul(middle, big.NewRat(1, 2)))
	rank := n * 9 / 10
	if n*9%10 != 0 {
		rank++
	}
	c.show(name+"_p90", values[rank-1])
}

// percent shows a part of itself and the rest, over those that have both.
func (c *count) percent(name string, part, rest number) {
	parts, all := new(big.Rat), new(big.Rat)
	for _, s := range c.units {
		if p, r := part(s), rest(s); p != nil && r != nil {
			parts.Add(parts, p)
			all.Add(all, plus(p, r))
		}
	}
	if all.Sign() > 0 {
		c.show(name, parts.Quo(parts, all).Mul(parts, big.NewRat(100, 1)))
	}
}

// share counts a unit under a value.
func (c *count) share(name, value string) {
	if c.Shares[name] == nil {
		c.Shares[name] = make(map[string]int64)
	}
	c.Shares[name][value]++
}

func (c *count) texts(names ...string) {
	for _, name := range names {
		for _, s := range c.units {
			if text, ok := s.texts[name]; ok {
				c.share(name, text)
			}
		}
	}
}

func (c *count) sets(names ...string) {
	for _, name := range names {
		for _, s := range c.units {
			for member := range s.sets[name] {
				c.share(name, member)
			}
		}
	}
}

// ranges counts units by the range of a gauge.
func (c *count) ranges(name, gauge string, of func(v float64) string) {
	for _, s := range c.units {
		if v, ok := s.gauges[gauge]; ok {
			c.share(name, of(v))
		}
	}
}

// adoption counts who had it once, and who never.
func (c *count) adoption(name string) {
	var yes, all int64
	for _, s := range c.units {
		if on, applies := s.flags[name]; applies {
			all++
			answer := "no"
			if on {
				yes++
				answer = "yes"
			}
			c.share(name, answer)
		}
	}
	if all > 0 {
		c.show(name+"_percent", big.NewRat(100*yes, all))
	}
}
