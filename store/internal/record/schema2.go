package record

import (
	"encoding/binary"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// MonthOfSchema2 returns a month's record of a file of schema 2 as one of today. That
// had neither days nor hours of its values. A record that does not decode becomes one
// that does not either, with all that it had: a check tells of it, as before.
func MonthOfSchema2(old []byte) []byte {
	r := reader{b: old}
	days := r.daySet()
	b := binary.AppendUvarint(nil, uint64(days))
	b = binary.AppendUvarint(b, 0) // seen at an hour that is not known
	n := r.Count()
	b = binary.AppendUvarint(b, uint64(n))
	for range n {
		distance := r.number()
		b = appendPeak(b, distance, rollup.Peak{Highest: rollup.Highest{Peak: r.value()}}, days, 0)
	}
	n = r.Count()
	b = binary.AppendUvarint(b, uint64(n))
	for range n {
		head := r.uvarint()
		m := rollup.MetricMonth{Highest: rollup.Highest{Peak: r.value()}, Days: days}
		if head&1 != 0 {
			m.Days = r.daySet()
		}
		b = appendMetric(b, head>>1, m, days)
	}
	if r.Done() != nil {
		return append([]byte{0}, old...) // no record begins with an empty set of days
	}
	return b
}
