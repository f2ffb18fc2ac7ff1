package record

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// A value is a varint: an integer n as 2n; anything else as 1, followed by the
// eight bytes of the float64, big endian.

func appendValue(b []byte, v float64) []byte {
	if n := uint64(v); float64(n) == v {
		return binary.AppendUvarint(b, n<<1)
	}
	return binary.BigEndian.AppendUint64(append(b, 1), math.Float64bits(v))
}

// maxDaySet has all 31 days.
const maxDaySet = 1<<31 - 1

// reader walks the bytes of a record. After the first failure it stays failed
// and returns zeros, so that callers check once, at the end.
type reader struct {
	b  []byte
	at int // the next byte
	// Failed is set once something that was read can't be.
	Failed bool
}

// rest returns the bytes that were not read.
func (r *reader) rest() []byte { return r.b[r.at:] }

func (r *reader) fail() { r.Failed, r.at = true, len(r.b) }

func (r *reader) byte() byte {
	if r.at == len(r.b) {
		r.Failed = true
		return 0
	}
	r.at++
	return r.b[r.at-1]
}

// hour reads an hour of the day, 0 to 23.
func (r *reader) hour() uint8 {
	h := r.byte()
	if h > 23 {
		r.Failed = true
	}
	return h
}

// uvarint has a short way for a single byte, which most varints are.
func (r *reader) uvarint() uint64 {
	if r.at < len(r.b) && r.b[r.at] < 0x80 {
		r.at++
		return uint64(r.b[r.at-1])
	}
	return r.longUvarint()
}

func (r *reader) longUvarint() uint64 {
	v, n := binary.Uvarint(r.rest())
	if n <= 0 {
		r.fail()
		return 0
	}
	r.at += n
	return v
}

// number reads a series' number, or the distance between two. It is bounded, so
// that adding to it can't run over.
func (r *reader) number() uint64 {
	n := r.uvarint()
	if n > math.MaxUint32 {
		r.Failed, n = true, math.MaxUint32
	}
	return n
}

// daySet reads a set of days, which is never empty.
func (r *reader) daySet() rollup.DaySet {
	v := r.uvarint()
	if v == 0 || v > maxDaySet {
		r.Failed = true
	}
	return rollup.DaySet(v)
}

// lastMonthHour is the last hour of the 31st.
const lastMonthHour = 31*24 - 1

// monthHour reads an hour of the month, or the distance between two.
func (r *reader) monthHour() uint16 {
	h := r.uvarint()
	if h > lastMonthHour {
		r.Failed, h = true, 0
	}
	return uint16(h)
}

func (r *reader) value() float64 {
	n := r.uvarint()
	if n&1 == 0 {
		if n>>1 > rollup.MaxValue {
			r.Failed = true
		}
		return float64(n >> 1)
	}
	if len(r.rest()) < 8 {
		r.fail()
		return 0
	}
	v := math.Float64frombits(binary.BigEndian.Uint64(r.rest()))
	r.at += 8
	if n != 1 || !(v >= 0 && v <= rollup.MaxValue) {
		r.Failed = true
	}
	return v
}

// Count reads a number of elements of at least one byte each.
func (r *reader) Count() int {
	n := r.uvarint()
	if n > uint64(len(r.rest())) {
		r.Failed = true
		return 0
	}
	return int(n)
}

// Done reports what was wrong with the record, if anything.
func (r *reader) Done() error {
	if r.Failed || len(r.rest()) > 0 {
		return fmt.Errorf("%w: a record does not decode", dberrors.ErrDamaged)
	}
	return nil
}
