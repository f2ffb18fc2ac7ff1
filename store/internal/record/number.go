package record

import (
	"cmp"
	"slices"
)

// numberedIndex is an element's place in its slice, with its series' number.
type numberedIndex struct {
	id    uint32
	index int
}

// numbered returns the elements of a slice in the order of their numbers.
func numbered(n int, id func(i int) (uint32, error)) ([]numberedIndex, error) {
	order := make([]numberedIndex, n)
	for i := range order {
		number, err := id(i)
		if err != nil {
			return nil, err
		}
		order[i] = numberedIndex{number, i}
	}
	slices.SortFunc(order, func(a, b numberedIndex) int { return cmp.Compare(a.id, b.id) })
	return order, nil
}
