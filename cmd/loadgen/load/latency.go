package load

import (
	"math/bits"
	"time"
)

// subBuckets is how many buckets there are to a doubling: a quantile is at most
// one 32nd too high.
const (
	subBits    = 5
	subBuckets = 1 << subBits
)

// latencies counts durations in a fixed space, however many there are.
type latencies struct {
	buckets [64 * subBuckets]int
	count   int
	max     time.Duration
}

func (l *latencies) add(d time.Duration) {
	d = max(d, 0)
	l.buckets[bucketOf(uint64(d))]++
	l.count++
	l.max = max(l.max, d)
}

// quantile returns the duration that a share of all does not exceed, 0 if there
// are none.
func (l *latencies) quantile(share float64) time.Duration {
	rank, seen := share*float64(l.count), 0
	for i, n := range l.buckets {
		if seen += n; n > 0 && float64(seen) >= rank {
			return min(time.Duration(bucketEnd(i)), l.max)
		}
	}
	return 0
}

// bucketOf numbers the buckets: exact below subBuckets, and above that by the
// first bits of the number.
func bucketOf(v uint64) int {
	shift := max(bits.Len64(v)-subBits-1, 0)
	return shift*subBuckets + int(v>>shift)
}

// bucketEnd returns the last number in a bucket.
func bucketEnd(i int) uint64 {
	shift := max(i/subBuckets-1, 0)
	return (uint64(i-shift*subBuckets)+1)<<shift - 1
}
