package forward

import "github.com/cozystack/cozystack-telemetry-server/store/rollup"

// window says how much the next request takes. It halves what a receiver refuses
// until one block is refused alone, and then grows again from one block. So n
// blocks of which one is bad are sent in at most 3n sends of a block and some
// 3 log2(n) requests, and in 6n sends however many are bad.
type window struct {
	// bytes bounds the lines of a request. A receiver's limit halves it, until a
	// block is dropped: that may have been too large in some other way.
	bytes int
	// most is what bytes begins with.
	most int
	// blocks bounds the blocks of a request; 0 is no bound. It is 1 after a drop,
	// and doubles with each delivery.
	blocks int
	// suspect is the newest block of the smallest request that was refused: among
	// those up to it is a bad one. 0 means that none is known.
	suspect uint64
}

// cut returns the blocks of the next request, at least one of what waits.
func (w *window) cut(waiting []rollup.Block) []rollup.Block {
	n, size, suspects := 0, 0, 0
	for _, b := range waiting {
		if size += len(b.Lines); size > w.bytes && n > 0 {
			break
		}
		n++
		if b.Seq <= w.suspect {
			suspects++
		}
	}
	if w.blocks > 0 {
		n = min(n, w.blocks)
	}
	if suspects > 0 {
		n = min(n, (suspects+1)/2)
	}
	return waiting[:n]
}

// delivered takes note of blocks that were taken.
func (w *window) delivered(blocks []rollup.Block) {
	switch {
	case blocks[len(blocks)-1].Seq <= w.suspect:
	case len(blocks) < w.blocks:
		w.blocks = 0
	default:
		w.blocks *= 2
	}
}

// rejected takes note of blocks that were refused by a receiver that works. It
// tells whether a block is known to be bad: it was refused alone, after another
// request that it was part of.
func (w *window) rejected(blocks []rollup.Block) (bad bool) {
	newest := blocks[len(blocks)-1].Seq
	if len(blocks) == 1 && newest <= w.suspect {
		w.suspect, w.blocks, w.bytes = 0, 1, w.most
		return true
	}
	w.suspect = newest
	return false
}

// oversized takes note of a request that was too large for the receiver. It tells
// whether the next one will be smaller: a single line can't be.
func (w *window) oversized(size int) bool {
	if size > w.bytes {
		return false
	}
	w.bytes = size / 2
	return true
}
