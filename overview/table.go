package overview

import (
	"encoding/binary"
	"math"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// table has what some months say of each cluster, packed: some 60 bytes each. It
// does not change once it is made.
type table struct {
	data  []byte
	spans []span // by the number of the cluster
	// months has what they say of all clusters, in no order.
	months []monthPresence
}

// span is where a cluster's entry lies in the data; an empty one is none.
type span struct{ start, end uint64 }

// monthPresence is how many clusters a month has seen, and on which days.
type monthPresence struct {
	month    rollup.MonthID
	clusters int64
	days     rollup.DaySet
	// dateless is set where it is not known any more which days its values are of.
	dateless bool
}

// clusterPresence is what a month has of one cluster for monthPresence.
type clusterPresence struct {
	seen     rollup.DaySet
	dateless bool
}

func (m *monthPresence) add(p clusterPresence) {
	m.dateless = m.dateless || p.dateless
	if p.seen != 0 {
		m.clusters++
		m.days |= p.seen
	}
}

// put adds an entry. A cluster has one.
func (t *table) put(cluster uint32, e *entry) {
	start := len(t.data)
	t.data = e.append(t.data)
	t.note(cluster, start)
}

// putBytes adds an entry as another table has it.
func (t *table) putBytes(cluster uint32, entry []byte) {
	start := len(t.data)
	t.data = append(t.data, entry...)
	t.note(cluster, start)
}

// note notes that a cluster's entry lies between start and the end.
func (t *table) note(cluster uint32, start int) {
	for int(cluster) >= len(t.spans) {
		t.spans = append(t.spans, span{})
	}
	t.spans[cluster] = span{uint64(start), uint64(len(t.data))}
}

// at returns a cluster's entry, nil if there is none.
func (t *table) at(cluster int) []byte {
	if cluster >= len(t.spans) {
		return nil
	}
	return t.data[t.spans[cluster].start:t.spans[cluster].end]
}

// eachCluster calls fn with what tables of different months say together of each
// cluster that any of them has. The entry is reused.
func eachCluster(tables []*table, fn func(cluster uint32, e *entry)) {
	clusters := 0
	for _, t := range tables {
		clusters = max(clusters, len(t.spans))
	}
	var e entry
	for i := range clusters {
		e.reset()
		any := false
		for _, t := range tables {
			if b := t.at(i); len(b) > 0 {
				e.merge(b)
				any = true
			}
		}
		if any {
			fn(uint32(i), &e)
		}
	}
}

// join returns the table of the months of all.
func join(tables ...*table) *table {
	out := &table{}
	size := 0
	for _, t := range tables {
		out.months = append(out.months, t.months...)
		size = max(size, len(t.data))
	}
	out.data = make([]byte, 0, size+size/8)
	eachCluster(tables, func(cluster uint32, e *entry) { out.put(cluster, e) })
	return out
}

// entry is what some months say of one cluster.
type entry struct {
	// days is on how many days it was seen.
	days  int
	nodes highest
	// peaks are those of series of applications and tenants, by number, ascending.
	peaks []seriesPeak
	spare []seriesPeak // room for merge
}

type seriesPeak struct {
	series uint32
	highest
}

// highest are the values of the two highest days. That of a day alone has 0 beside it.
type highest struct{ peak, second float64 }

// merge returns the highest of other days, too.
func (h highest) merge(o highest) highest {
	if o.peak > h.peak {
		h, o = o, h
	}
	return highest{h.peak, max(h.second, o.peak)}
}

func (e *entry) reset() { e.days, e.nodes, e.peaks = 0, highest{}, e.peaks[:0] }

// append writes the entry behind b.
func (e *entry) append(b []byte) []byte {
	b = appendHighest(b, uint64(e.days), e.nodes)
	next := uint32(0)
	for _, p := range e.peaks {
		b = appendHighest(b, uint64(p.series-next), p.highest)
		next = p.series + 1
	}
	return b
}

// merge adds what other months say, as append has written it.
func (e *entry) merge(b []byte) {
	r := entryReader{b: b}
	days, nodes := r.highest()
	e.days += int(days)
	e.nodes = e.nodes.merge(nodes)
	old := e.peaks
	merged := e.spare[:0]
	for next := uint32(0); r.at < len(r.b); {
		var p seriesPeak
		var distance uint64
		distance, p.highest = r.highest()
		p.series = next + uint32(distance)
		next = p.series + 1
		for len(old) > 0 && old[0].series < p.series {
			merged, old = append(merged, old[0]), old[1:]
		}
		if len(old) > 0 && old[0].series == p.series {
			p.highest = p.merge(old[0].highest)
			old = old[1:]
		}
		merged = append(merged, p)
	}
	e.peaks, e.spare = append(merged, old...), e.peaks
}

// appendHighest writes a number and the two highest. Most values are the same on many
// days: the second one is written only where it is another one, which the number's
// lowest bit tells.
func appendHighest(b []byte, n uint64, h highest) []byte {
	if h.second == h.peak {
		return appendValue(binary.AppendUvarint(b, n<<1), h.peak)
	}
	return appendValue(appendValue(binary.AppendUvarint(b, n<<1|1), h.peak), h.second)
}

// entryReader reads what append has written, which is always whole.
type entryReader struct {
	b  []byte
	at int // the next byte
}

// highest reads what appendHighest has written.
func (r *entryReader) highest() (n uint64, h highest) {
	n = r.uvarint()
	h.peak = r.value()
	h.second = h.peak
	if n&1 != 0 {
		h.second = r.value()
	}
	return n >> 1, h
}

// uvarint reads a varint, with a short way for a single byte.
func (r *entryReader) uvarint() uint64 {
	if b := r.b[r.at]; b < 0x80 {
		r.at++
		return uint64(b)
	}
	return r.longUvarint()
}

func (r *entryReader) longUvarint() uint64 {
	v, n := binary.Uvarint(r.b[r.at:])
	r.at += n
	return v
}

func (r *entryReader) value() float64 {
	n := r.uvarint()
	if n&1 == 0 {
		return float64(n >> 1)
	}
	r.at += 8
	return math.Float64frombits(binary.BigEndian.Uint64(r.b[r.at-8:]))
}

// A value is a varint: an integer n as 2n; anything else as 1, followed by the bits
// of the float64.

func appendValue(b []byte, v float64) []byte {
	if n := uint64(v); float64(n) == v {
		return binary.AppendUvarint(b, n<<1)
	}
	return binary.BigEndian.AppendUint64(append(b, 1), math.Float64bits(v))
}
