package rollup

import (
	"cmp"
	"slices"
	"strings"
)

// Slotting tells which values of a series a month keeps beside the two highest. It
// belongs to the metric: all reports agree on it. The zero value is a gauge, of which
// nothing more is kept.
type Slotting uint8

// The other slottings.
const (
	ByDay  Slotting = 1 + iota // each day's peak, for a mean over days
	ByHour                     // each hour's highest value, for what is added up
)

// Slot is the highest value of a series in an hour or on a day.
type Slot struct {
	// At is the hour: of the day, 0 to 23, in a Day, and of the month,
	// (day-1)*24+hour, in a Peak. A day's slot has its first hour.
	At    uint16
	Value float64
}

// HourSlots are the hours of a day in which a series had a value, sorted.
type HourSlots struct {
	Series Series
	Slots  []Slot
}

func (h HourSlots) equal(o HourSlots) bool {
	return h.Series == o.Series && slices.Equal(h.Slots, o.Slots)
}

func compareHours(a, b HourSlots) int { return strings.Compare(string(a.Series), string(b.Series)) }

// mergeHours returns the hours of both, which are sorted. Most days have none.
func mergeHours(a, b []HourSlots) []HourSlots {
	switch {
	case len(a) == 0:
		return b
	case len(b) == 0:
		return a
	}
	return mergeSorted(a, b, compareHours, mergeHourSlots)
}

func mergeHourSlots(a, b HourSlots) HourSlots {
	return HourSlots{a.Series, mergeSlots(a.Slots, b.Slots)}
}

// HoursOf returns the slots of a series that is ByHour.
func (d Day) HoursOf(s Series) []Slot {
	i, ok := slices.BinarySearchFunc(d.Hours, HourSlots{Series: s}, compareHours)
	if !ok {
		return nil
	}
	return d.Hours[i].Slots
}

// JoinSlots sorts slots, and leaves the highest of each hour. It takes the slice.
func JoinSlots(slots []Slot) []Slot {
	if len(slots) == 0 {
		return nil
	}
	return mergeDoubles(slots, compareSlots, mergeSlot)
}

// mergeSlots returns the slots of both, which are sorted.
func mergeSlots(a, b []Slot) []Slot {
	switch {
	case len(a) == 0:
		return b
	case len(b) == 0:
		return a
	}
	return mergeSorted(a, b, compareSlots, mergeSlot)
}

func mergeSlot(a, b Slot) Slot { return Slot{a.At, max(a.Value, b.Value)} }

func compareSlots(a, b Slot) int { return cmp.Compare(a.At, b.At) }

// monthHour returns an hour of a day as one of its month.
func monthHour(dayOfMonth int, hour uint16) uint16 { return uint16(dayOfMonth-1)*24 + hour }

// monthSlots returns the slots of one of a day's points as those of its month.
func (d Day) monthSlots(dayOfMonth int, p Point) []Slot {
	switch p.Slot {
	case ByDay:
		return []Slot{{monthHour(dayOfMonth, 0), p.Peak}}
	case ByHour:
		slots := slices.Clone(d.HoursOf(p.Series))
		for i := range slots {
			slots[i].At = monthHour(dayOfMonth, slots[i].At)
		}
		return slots
	}
	return nil
}
