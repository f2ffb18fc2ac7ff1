package overview

import "hash/maphash"

// numbering gives texts numbers from 0 up, in the order of their coming. A text
// costs its bytes and some 12 more: there may be millions, after a flood. The zero
// numbering is empty and ready.
type numbering struct {
	seed  maphash.Seed
	texts []byte
	ends  []uint64 // text i ends here, and the next one begins
	// slots has numbers plus one where the hash of their texts leads; 0 is free. Its
	// length is a power of two.
	slots []uint32
}

func (n *numbering) len() int { return len(n.ends) }

// text returns the text with a number. It is valid until the next one is added.
func (n *numbering) text(i uint32) []byte {
	start := uint64(0)
	if i > 0 {
		start = n.ends[i-1]
	}
	return n.texts[start:n.ends[i]]
}

// number returns the number of a text; added tells that it is new.
func (n *numbering) number(text string) (i uint32, added bool) {
	if 4*n.len() >= 3*len(n.slots) {
		n.grow()
	}
	at := n.slot(maphash.String(n.seed, text))
	for n.slots[at] != 0 {
		if i := n.slots[at] - 1; string(n.text(i)) == text {
			return i, false
		}
		at = n.next(at)
	}
	n.texts = append(n.texts, text...)
	n.ends = append(n.ends, uint64(len(n.texts)))
	n.slots[at] = uint32(n.len())
	return n.slots[at] - 1, true
}

func (n *numbering) slot(hash uint64) int { return int(hash & uint64(len(n.slots)-1)) }

func (n *numbering) next(slot int) int { return (slot + 1) & (len(n.slots) - 1) }

// grow doubles the slots.
func (n *numbering) grow() {
	if n.slots == nil {
		n.seed = maphash.MakeSeed()
	}
	n.slots = make([]uint32, max(2*len(n.slots), 64))
	for i := range uint32(n.len()) {
		at := n.slot(maphash.Bytes(n.seed, n.text(i)))
		for n.slots[at] != 0 {
			at = n.next(at)
		}
		n.slots[at] = i + 1
	}
}
