package forward

import (
	"slices"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// After a drop requests grow again from one block, twice as large with each that is
// delivered, until only their size bounds them.
func TestWindowGrowsAgain(t *testing.T) {
	waiting := make([]rollup.Block, 1000)
	for i := range waiting {
		waiting[i] = rollup.Block{Seq: uint64(i + 1), Lines: []byte("x")}
	}
	w := window{bytes: 100, most: 100}
	if w.rejected(waiting[:1]) || !w.rejected(waiting[:1]) {
		t.Fatal("a block is bad when it is refused a second time")
	}
	waiting = waiting[1:]
	var sizes []int
	for range 10 {
		blocks := w.cut(waiting)
		w.delivered(blocks)
		sizes = append(sizes, len(blocks))
		waiting = waiting[len(blocks):]
	}
	if want := []int{1, 2, 4, 8, 16, 32, 64, 100, 100, 100}; !slices.Equal(sizes, want) {
		t.Errorf("requests of %v blocks, want %v", sizes, want)
	}
}
