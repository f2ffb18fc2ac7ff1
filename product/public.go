package product

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// Public returns figures as they may be published: no share tells of fewer than least
// instances; 0 leaves all as it is. Of sessions it takes so many on each day, for a
// session of every day may be one installation's. The figures given are not changed.
func (p Product) Public(f Figures, least int64) Figures {
	if p.Sessions {
		least *= int64(max(f.Days, 1))
	}
	out := f
	out.Metrics, out.Shares = maps.Clone(f.Metrics), make(map[string]map[string]int64, len(f.Shares))
	for name, counts := range f.Shares {
		out.Shares[name] = FoldSmall(counts, least)
	}
	for _, figure := range p.Figures {
		name := figure.Name
		if figure.As == Adoption && !maps.Equal(out.Shares[name], f.Shares[name]) {
			// One of two answers that is hidden hides the other.
			delete(out.Shares, name)
			delete(out.Metrics, percentOf(name))
		}
	}
	return out
}

// FoldSmall returns counts in which none is below least: smaller ones are added to
// [Other]. Where that is still below least, the next larger ones join it: else it could be
// told from the total what a small one was. Where all together are below, nothing is left.
func FoldSmall(counts map[string]int64, least int64) map[string]int64 {
	kept := maps.Clone(counts)
	other := kept[Other]
	delete(kept, Other)
	values := slices.SortedFunc(maps.Keys(kept), func(a, b string) int {
		return cmp.Or(cmp.Compare(kept[a], kept[b]), strings.Compare(a, b))
	})
	for _, value := range values {
		if kept[value] >= least && (other == 0 || other >= least) {
			break
		}
		other += kept[value]
		delete(kept, value)
	}
	if other > 0 && other >= least {
		kept[Other] = other
	}
	return kept
}
