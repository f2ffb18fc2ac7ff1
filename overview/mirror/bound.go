package mirror

import (
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/cozystack/cozystack-telemetry-server/store/durable"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// leftOut notes that days found no room. It stands until the bound is another one: if
// what is freed brought days back, as when the newest one is zipped, they would come and
// go each day.
type leftOut struct {
	// Through is the last such day, as in 2026-03-01.
	Through string `json:"through"`
	// Bound is the bytes of which this was said.
	Bound int64 `json:"max_bytes"`
}

// leaves tells whether a day is one of those that found no room.
func (l *leftOut) leaves(day rollup.Date) bool {
	through, ok := l.last()
	return ok && day <= through
}

// last returns the last of those days; ok is false if there are none.
func (l *leftOut) last() (through rollup.Date, ok bool) {
	if l == nil {
		return 0, false
	}
	through, err := rollup.ParseDate(l.Through)
	return through, err == nil
}

// bound returns how many bytes the days of all products may take, and forgets what another
// bound has left out.
func (m *Mirror) bound(turns []*turn) int64 {
	bytes := m.cfg.DaysBytes
	for _, t := range turns {
		if out := t.list.LeftOut; bytes == 0 && out != nil {
			bytes = out.Bound
		}
	}
	if bytes <= 0 {
		bytes = math.MaxInt64
	}
	for _, t := range turns {
		if out := t.list.LeftOut; out != nil && out.Bound != bytes {
			t.list.LeftOut = nil
		}
	}
	return bytes
}

// removeLeftOut removes the files of the days that found no room.
func (p part) removeLeftOut(list *manifest, versions map[rollup.Date]uint64, failed *failures) {
	found := false
	for day := range versions {
		if !list.LeftOut.leaves(day) {
			continue
		}
		found = true
		if err := errors.Join(p.removeDay(day, plain), p.removeDay(day, zipped)); err != nil {
			failed.add(err)
			continue
		}
		delete(list.Days, day.String())
	}
	if !found {
		list.LeftOut = nil // retention has removed them
	}
}

// LeftOut returns how many days of the store the mirror leaves out for
// [Config.DaysBytes], of each product by themselves and all before those that it has, and
// the last of them.
func (m *Mirror) LeftOut() (days int, through rollup.Date, err error) {
	turns, _, err := m.begin()
	if err != nil {
		return 0, 0, fmt.Errorf("mirror: %w", err)
	}
	for _, t := range turns {
		for day := range t.versions {
			if t.list.LeftOut.leaves(day) {
				days, through = days+1, max(through, day)
			}
		}
	}
	return days, through, nil
}

// errNoRoom is returned when a day does not fit into what is left of the bound.
var errNoRoom = errors.New("the day takes more than is left of the bound of the mirror")

// askEvery is after how many bytes a volume is asked again what is free of it.
const askEvery = 8 << 20

// bounded counts what goes through it, and keeps it from taking too much.
type bounded struct {
	to      io.Writer
	n, most int64
	// ask says whether the volume has room, before the first byte and each askEvery.
	ask  func() error
	next int64 // the count at which it is asked
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.n+int64(len(p)) > b.most {
		return 0, errNoRoom
	}
	if b.n >= b.next {
		if err := b.ask(); err != nil {
			return 0, err
		}
		b.next = b.n + askEvery
	}
	n, err := b.to.Write(p)
	b.n += int64(n)
	return n, err
}

// askVolume returns ErrReserve where the volume has no more free than MinFree.
func (m *Mirror) askVolume() error { return durable.CheckFree(m.dir, m.cfg.MinFree, 0) }
