package others

import (
	"math/big"
	"time"
)

// seen is what a month knows of one installation, or a day of one session.
type seen struct {
	// gauges are the highest values.
	gauges map[string]float64
	// days and hours are the highest values of each day and of each clock hour.
	days, hours map[string]map[int64]float64
	// texts are those that came last, sets all that came.
	texts map[string]string
	sets  map[string]map[string]bool
	// flags were true once, or not.
	flags map[string]bool
	// on are the days with a report.
	on map[int64]bool
}

func newSeen() *seen {
	return &seen{
		gauges: make(map[string]float64), days: make(map[string]map[int64]float64), hours: make(map[string]map[int64]float64),
		texts: make(map[string]string), sets: make(map[string]map[string]bool), flags: make(map[string]bool), on: make(map[int64]bool),
	}
}

func (s *seen) gauge(name string, v float64) { highest(s.gauges, name, v) }

func (s *seen) day(name string, at time.Time, v float64) { slot(s.days, name, dayOf(at), v) }

func (s *seen) hour(name string, at time.Time, v float64) { slot(s.hours, name, at.Unix()/3600, v) }

func (s *seen) text(name, text string) { s.texts[name] = text }

func (s *seen) flag(name string, on bool) { s.flags[name] = s.flags[name] || on }

func (s *seen) set(name string, members ...string) {
	for _, m := range members {
		if s.sets[name] == nil {
			s.sets[name] = make(map[string]bool)
		}
		s.sets[name][m] = true
	}
}

func dayOf(at time.Time) int64 { return at.Unix() / 86400 }

func slot(of map[string]map[int64]float64, name string, when int64, v float64) {
	if of[name] == nil {
		of[name] = make(map[int64]float64)
	}
	highest(of[name], when, v)
}

func highest[K comparable](of map[K]float64, key K, v float64) {
	if old, ok := of[key]; !ok || v > old {
		of[key] = v
	}
}

// join adds what a later month knows.
func (s *seen) join(later *seen) {
	for name, v := range later.gauges {
		s.gauge(name, v)
	}
	for name, slots := range later.days {
		for when, v := range slots {
			slot(s.days, name, when, v)
		}
	}
	for name, slots := range later.hours {
		for when, v := range slots {
			slot(s.hours, name, when, v)
		}
	}
	for name, text := range later.texts {
		s.text(name, text)
	}
	for name, members := range later.sets {
		for m := range members {
			s.set(name, m)
		}
	}
	for name, on := range later.flags {
		s.flag(name, on)
	}
	for day := range later.on {
		s.on[day] = true
	}
}

// number tells an installation's value of a figure, nil if it has none.
type number func(s *seen) *big.Rat

// gaugeOf is the highest value.
func gaugeOf(name string) number {
	return func(s *seen) *big.Rat {
		if v, ok := s.gauges[name]; ok {
			return new(big.Rat).SetFloat64(v)
		}
		return nil
	}
}

// meanOf is the mean over the days on which the value came.
func meanOf(name string) number {
	return func(s *seen) *big.Rat {
		if len(s.days[name]) == 0 {
			return nil
		}
		return new(big.Rat).Quo(total(s.days[name]), big.NewRat(int64(len(s.days[name])), 1))
	}
}

// sumOf adds up the clock hours of all that is named.
func sumOf(names ...string) number {
	return func(s *seen) (sum *big.Rat) {
		for _, name := range names {
			if len(s.hours[name]) > 0 {
				sum = plus(sum, total(s.hours[name]))
			}
		}
		return sum
	}
}

func plus(a, b *big.Rat) *big.Rat {
	if a == nil {
		return b
	}
	return new(big.Rat).Add(a, b)
}

// total adds up values; those are few and short enough for it to be exact.
func total(slots map[int64]float64) *big.Rat {
	sum := new(big.Rat)
	for _, v := range slots {
		sum.Add(sum, new(big.Rat).SetFloat64(v))
	}
	return sum
}
