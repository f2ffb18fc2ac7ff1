package ingest

import "github.com/cozystack/cozystack-telemetry-server/store/rollup"

// minSlots is where seen starts; a power of two.
const minSlots = 1 << 8

// seen finds the series that a report has twice. It is a hash table with open
// addressing over the samples so far. The zero seen is ready after reset.
type seen struct {
	slots []slot // a power of two of them, at most half in use
	used  int
}

// slot is a sample's place: its index plus 1, or 0 if the slot is free.
type slot struct {
	hash  uint32
	index uint32
}

func (s *seen) reset() {
	if len(s.slots) != minSlots {
		s.slots = make([]slot, minSlots)
	} else if s.used > 0 {
		clear(s.slots)
	}
	s.used = 0
}

// index returns where samples have a series. If they lack it, that is
// len(samples), where the caller must append it.
func (s *seen) index(e *series, samples []rollup.Sample) int {
	if 2*s.used == len(s.slots) {
		s.grow()
	}
	hash, mask := uint32(e.hash), uint32(len(s.slots)-1)
	for i := hash & mask; ; i = (i + 1) & mask {
		at := &s.slots[i]
		if at.index == 0 {
			*at = slot{hash, uint32(len(samples) + 1)}
			s.used++
			return len(samples)
		}
		if at.hash == hash && samples[at.index-1].Series == e.text {
			return int(at.index - 1)
		}
	}
}

func (s *seen) grow() {
	old := s.slots
	s.slots = make([]slot, 2*len(old))
	mask := uint32(len(s.slots) - 1)
	for _, o := range old {
		if o.index == 0 {
			continue
		}
		i := o.hash & mask
		for s.slots[i].index != 0 {
			i = (i + 1) & mask
		}
		s.slots[i] = o
	}
}
