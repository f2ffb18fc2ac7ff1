package product

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// Public returns figures as they may be published: no share tells of fewer than least
// instances, nor does what is left when shares are taken from the total, or from those of
// a coarser figure; 0 and 1 leave all as it is. Of sessions it takes so many on each day, for
// a session of every day may be one installation's. The figures given are not changed.
func (p Product) Public(f Figures, least int64) Figures {
	h := newHidden()
	return p.public(p.withMissing(f, least, h), least, h)
}

// PublicWindow does for the figures of a window what Public does for those of a month.
// What Public hides in any of the window's months it hides too: else a count of the window,
// less those of its other months, could tell what was hidden.
func (p Product) PublicWindow(f Figures, least int64, months []Figures) Figures {
	h := newHidden()
	for _, m := range months {
		h.add(m, p.Public(m, least))
	}
	return p.public(p.withMissing(f, least, h), least, h)
}

// PublicMean returns the mean of figures that are public, as [Mean] does, without shares that
// are too small only now.
func (p Product) PublicMean(months []Figures, least int64) Figures {
	return p.public(Mean(months), least, newHidden())
}

// least is of how many instances figures may tell.
func (p Product) least(f Figures, least int64) int64 {
	if p.Sessions && least > 1 { // 1 shows all
		return least * int64(max(f.Days, 1))
	}
	return least
}

// withMissing returns figures in which no few instances are left that have no value at all:
// where there are a few, they are among the others, for they may be just those that another
// figure hides. Of an adoption that has no others h hides all.
func (p Product) withMissing(f Figures, least int64, h hidden) Figures {
	least = p.least(f, least)
	out := f
	out.Shares = maps.Clone(f.Shares)
	for _, figure := range p.Figures {
		missing := f.Instances
		for _, n := range f.Shares[figure.Name] {
			missing -= n
		}
		if _, ok := f.Shares[figure.Name]; !ok || missing <= 0 || missing >= least {
			continue
		}
		switch figure.As {
		case Newest, InBuckets:
			counts := maps.Clone(f.Shares[figure.Name])
			counts[Other] += missing
			out.Shares[figure.Name] = counts
		case Adoption:
			h.figures[figure.Name] = true
		}
	}
	return out
}

// hidden is what must not be shown.
type hidden struct {
	// values are those that are in Other, by figure; figures are left out as a whole.
	values  map[string]map[string]bool
	figures map[string]bool
}

func newHidden() hidden {
	return hidden{make(map[string]map[string]bool), make(map[string]bool)}
}

// add adds what figures have and their public form has not.
func (h hidden) add(f, public Figures) {
	for name, counts := range f.Shares {
		shown, ok := public.Shares[name]
		h.figures[name] = h.figures[name] || !ok
		for value := range counts {
			if _, ok := shown[value]; ok {
				continue
			}
			if h.values[name] == nil {
				h.values[name] = make(map[string]bool)
			}
			h.values[name][value] = true
		}
	}
}

func (p Product) public(f Figures, least int64, h hidden) Figures {
	least = p.least(f, least)
	out := f
	out.Metrics, out.Shares = maps.Clone(f.Metrics), make(map[string]map[string]int64, len(f.Shares))
	for name, counts := range f.Shares {
		out.Shares[name] = fold(counts, least, h.values[name])
	}
	for _, figure := range p.Figures {
		name := figure.Name
		switch coarser, ok := p.coarser(figure); {
		case ok && f.Shares[name] != nil:
			out.Shares[name] = foldWithin(f.Shares[name], least, h.values[name], out.Shares[coarser], figure.between())
		case figure.As == Adoption && (h.figures[name] || !maps.Equal(out.Shares[name], f.Shares[name])):
			// One of two answers that is hidden hides the other.
			delete(out.Shares, name)
			delete(out.Metrics, percentOf(name))
		}
	}
	return out
}

// coarser returns the figure that counts the same by the first label alone, where there is
// one: the parts of its counts can be told from it.
func (p Product) coarser(fine Figure) (name string, ok bool) {
	if fine.As != Newest || len(fine.Labels) < 2 {
		return "", false
	}
	i := slices.IndexFunc(p.Figures, func(f Figure) bool {
		return f.As == Newest && f.Of == fine.Of && slices.Equal(f.Labels, fine.Labels[:1])
	})
	if i < 0 {
		return "", false
	}
	return p.Figures[i].Name, true
}

// foldWithin folds the parts of each count of a coarser figure by themselves. Those of a
// count that is not shown are not shown either.
func foldWithin(counts map[string]int64, least int64, hide map[string]bool, coarser map[string]int64, between string) map[string]int64 {
	parts := make(map[string]map[string]int64)
	all := make(map[string]int64)
	for value, n := range counts {
		whole, _, _ := strings.Cut(value, between)
		if _, shown := coarser[whole]; !shown || value == Other {
			all[Other] += n
			continue
		}
		if parts[whole] == nil {
			parts[whole] = make(map[string]int64)
		}
		parts[whole][value] = n
	}
	for _, part := range parts {
		shown := fold(part, least, hide)
		for value, n := range part {
			if _, ok := shown[value]; !ok {
				value = Other
			}
			all[value] += n
		}
	}
	return FoldSmall(all, least)
}

// FoldSmall returns counts in which none is below least: smaller ones are added to
// [Other]. Where that is still below least, the next larger ones join it: else it could be
// told from the total what a small one was. Where all together are below, nothing is left.
func FoldSmall(counts map[string]int64, least int64) map[string]int64 {
	return fold(counts, least, nil)
}

// fold is FoldSmall, which also adds to Other what shall be hidden.
func fold(counts map[string]int64, least int64, hide map[string]bool) map[string]int64 {
	kept := maps.Clone(counts)
	var other int64
	for value, n := range counts {
		if value == Other || hide[value] {
			other += n
			delete(kept, value)
		}
	}
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
