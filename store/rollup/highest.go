package rollup

// Highest are the two highest days of a month: of a map from each day to its highest
// value the first two, the higher value first, of equal ones the later day. So the
// second one is a value that was reached on two days, and one bad day lifts nothing
// that is made of it.
//
// Day 0 stands for days that are not known any more. It is a day like any other, so it
// gives way to two known days that are as high; where it is one of the two, the second
// is not to be trusted. The zero Highest has no day.
type Highest struct {
	// Peak is the highest value, Second the other day's: 0 where there was one day only.
	Peak, Second float64
	// PeakDay and SecondDay are their days of the month, 1 to 31.
	PeakDay, SecondDay uint8
}

// Known tells whether both days are known, or all of them had 0.
func (h Highest) Known() bool {
	return (h.PeakDay != 0 || h.Peak == 0) && (h.SecondDay != 0 || h.Second == 0)
}

// Steady returns the two highest of days that all had the same value: the last two of
// them. second is 0 where there was one day only.
func Steady(v float64, last, second uint8) Highest {
	h := Highest{Peak: v, PeakDay: last, SecondDay: second}
	if second != 0 {
		h.Second = v
	}
	return h
}

// With returns the two highest when a day had a value, too.
func (h Highest) With(day uint8, v float64) Highest {
	switch {
	case day == h.PeakDay:
		h.Peak = max(h.Peak, v)
	case higher(v, day, h.Peak, h.PeakDay):
		h = Highest{Peak: v, Second: h.Peak, PeakDay: day, SecondDay: h.PeakDay}
	case day == h.SecondDay:
		h.Second = max(h.Second, v)
	case higher(v, day, h.Second, h.SecondDay):
		h.Second, h.SecondDay = v, day
	}
	return h
}

// Merge returns the two highest days of both. It is commutative, associative and
// idempotent: a day that comes third never comes back, since values only grow.
func (h Highest) Merge(o Highest) Highest {
	if h.Peak == 0 && h.PeakDay == 0 { // so there is no second day either
		return o
	}
	h = h.With(o.PeakDay, o.Peak)
	if o.SecondDay == 0 && o.Second == 0 {
		return h // a single day, as most are
	}
	return h.With(o.SecondDay, o.Second)
}

// higher tells whether a value goes before another one.
func higher(v float64, day uint8, than float64, thanDay uint8) bool {
	return v > than || v == than && day > thanDay
}
