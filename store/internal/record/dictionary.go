package record

import (
	"fmt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Dictionary numbers the series of a product's month, from 0 up in the order in
// which they were first seen. A metric's bare name is a series too: records refer to
// metrics by it.
type Dictionary struct {
	// Put takes a new series into the file. nil where the dictionary is only read.
	Put    func(number uint32, text []byte) error
	series []rollup.Series
	ids    map[rollup.Series]uint32
}

// NewDictionary returns an empty dictionary.
func NewDictionary() *Dictionary { return &Dictionary{ids: make(map[rollup.Series]uint32)} }

// Add gives a series the next number. It keeps a copy of the text.
func (d *Dictionary) Add(text []byte) {
	s := rollup.Series(text)
	d.ids[s] = uint32(len(d.series))
	d.series = append(d.series, s)
}

// Len returns how many series it has.
func (d *Dictionary) Len() int { return len(d.series) }

// Has tells whether it has a series.
func (d *Dictionary) Has(s rollup.Series) bool {
	_, ok := d.ids[s]
	return ok
}

// Distinct tells whether no series stands in it twice.
func (d *Dictionary) Distinct() bool { return len(d.ids) == len(d.series) }

// ID returns the number of a series, which it adds if it is new.
func (d *Dictionary) ID(s rollup.Series) (uint32, error) {
	if id, ok := d.ids[s]; ok {
		return id, nil
	}
	// The report's text may pin a whole request body; the dictionary outlives it.
	id, text := uint32(len(d.series)), []byte(s)
	if err := d.Put(id, text); err != nil {
		return 0, err
	}
	d.Add(text)
	return id, nil
}

// lookup returns the series with a number.
func (d *Dictionary) lookup(id uint64) (rollup.Series, error) {
	if id >= uint64(len(d.series)) {
		return "", fmt.Errorf("%w: series %d of %d", dberrors.ErrDamaged, id, len(d.series))
	}
	return d.series[id], nil
}
