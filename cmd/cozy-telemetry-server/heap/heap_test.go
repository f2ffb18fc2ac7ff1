package heap

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestFloorGrowsSmallHeapsOnly(t *testing.T) {
	const mb = 1 << 20
	for _, tt := range []struct {
		live, roots uint64
		want        int
	}{
		{0, 0, 600}, // nothing was collected yet
		{1 * mb, mb, 600},
		{4 * mb, 0, 500},
		{4 * mb, mb, 400},
		{8 * mb, 0, 200},
		{12 * mb, 0, 100},
		{20 * mb, 0, 100},
		{24 * mb, 0, 100},
		{1000 * mb, mb, 100},
	} {
		if got := percentFor(24*mb, tt.live, tt.roots); got != tt.want {
			t.Errorf("%d MB live, %d MB of roots: %d %%, want %d", tt.live/mb, tt.roots/mb, got, tt.want)
		}
		if heap := uint64(tt.want) * smallest / 100; heap > 24*mb {
			t.Errorf("%d MB live make a smallest heap of %d MB", tt.live/mb, heap/mb)
		}
		if heap := tt.live + (tt.live+tt.roots)*uint64(tt.want)/100; heap > max(24*mb, 2*tt.live+tt.roots) {
			t.Errorf("%d MB live make a heap of %d MB", tt.live/mb, heap/mb)
		}
	}
}

// The percentage is Go's own, of the whole process: it follows each collection, and is as
// it was in the end.
func TestFloorFollowsTheHeap(t *testing.T) {
	percent := func() int { return int(measure(percentMetric)[0]) }
	// await collects until the percentage is right: cleanups run some time after.
	await := func(what string, right func(int) bool) {
		for range 1000 {
			runtime.GC()
			if right(percent()) {
				return
			}
			runtime.Gosched()
		}
		t.Errorf("%s: %d %%", what, percent())
	}
	release := Hold(1 << 30)
	await("a small heap", func(p int) bool { return p > 2*usualPercent })
	large := make([]byte, 1<<30)
	await("a large heap", func(p int) bool { return p == usualPercent })
	runtime.KeepAlive(large)
	large = nil
	await("a small heap again", func(p int) bool { return p > 2*usualPercent })
	release()
	for range 3 {
		runtime.GC()
		if p := percent(); p != usualPercent {
			t.Errorf("%d %% in the end", p)
		}
	}
}

func TestFloorLeavesWhatIsSet(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(50))
	release := Hold(1 << 30)
	runtime.GC()
	release()
	if p := int(measure(percentMetric)[0]); p != 50 {
		t.Errorf("%d %%", p)
	}
}
