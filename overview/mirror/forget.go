package mirror

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"

	"github.com/cozystack/cozystack-telemetry-server/store/durable"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Forget removes a selection's lines from every day's file, at once and whether or
// not the store has that day. Then it does what Sync does: call it once the store
// has forgotten the selection. Temporary files that a crash has left are removed
// too, for they may have its lines. It returns how many lines it has removed.
//
// On a volume below [Config.MinFree] the lines are removed too, and no day is brought up to
// date. It returns ErrAhead, and removes nothing, if the mirror is ahead.
//
// A line that does not decode is removed if the name of an instance that is meant is
// anywhere in it, and so is what of a file can't be unzipped: nobody knows what it has.
func (m *Mirror) Forget(ctx context.Context, sel rollup.Selection) (lines int, err error) {
	m.syncing.Lock()
	if err = m.refuseAhead(); err == nil {
		lines, err = m.forgetDays(ctx, sel)
	}
	m.syncing.Unlock()
	if err != nil {
		return lines, fmt.Errorf("mirror: %w", err)
	}
	if err = m.Sync(ctx); errors.Is(err, durable.ErrReserve) {
		err = nil // the lines are gone; Run tells that the volume is short
	}
	return lines, err
}

func (m *Mirror) forgetDays(ctx context.Context, sel rollup.Selection) (lines int, err error) {
	folders, err := foldersIn(m.dir)
	if err != nil {
		return 0, err
	}
	for _, f := range folders {
		if err := tidy(f.path(), f.days()); err != nil {
			return 0, err
		}
	}
	p := m.part(sel.Product)
	days, _, err := p.dayFiles()
	if err != nil {
		return 0, err
	}
	list := p.readManifest()
	for _, f := range days {
		if err := ctx.Err(); err != nil {
			return lines, err
		}
		if !sel.HasDay(f.date) {
			continue
		}
		n, err := m.forgetDay(f, sel)
		if err != nil {
			return lines, err
		}
		if n > 0 {
			lines += n
			delete(list.Days, f.date.String()) // Sync notes what there is then
		}
	}
	if lines == 0 {
		return 0, nil
	}
	return lines, p.writeManifest(list)
}

// forgetDay writes a day's file without the lines that are meant, if it has any, however little
// the volume has free: it becomes shorter.
func (m *Mirror) forgetDay(f dayFile, sel rollup.Selection) (removed int, err error) {
	removed, err = m.filterLines(f, io.Discard, sel)
	if err != nil || removed == 0 {
		return 0, err
	}
	anyRoom := func() error { return nil }
	_, err = writeDayFile(filepath.Join(m.dir, f.name()), f.as, math.MaxInt64, anyRoom, func(w io.Writer) error {
		_, err := m.filterLines(f, w, sel)
		return err
	})
	return removed, err
}

// filterLines copies the lines of a file but for those that are meant, which it counts.
func (m *Mirror) filterLines(f dayFile, w io.Writer, sel rollup.Selection) (removed int, err error) {
	file, err := openDay(m.dir, f)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	r := bufio.NewReaderSize(file, 64<<10)
	for {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, errGzip) {
			return removed + 1, nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return removed, err
		}
		if isLineOf(line, sel) {
			removed++
		} else if _, err := w.Write(line); err != nil {
			return removed, err
		}
		if err != nil {
			return removed, nil
		}
	}
}

// isLineOf tells whether a line is meant. Most are as this package writes them, and are not
// taken apart to find their name: a mirror may have gigabytes of them.
func isLineOf(line []byte, sel rollup.Selection) bool {
	if product, instance, ok := nameOf(line); ok && json.Valid(line) {
		return sel.HasInstance(product, instance)
	}
	var l struct{ Product, Instance string }
	if json.Unmarshal(line, &l) == nil {
		return sel.HasInstance(l.Product, l.Instance)
	}
	if sel.Instances == nil {
		return len(line) > 0
	}
	for instance := range sel.Instances { // a name is never escaped in JSON
		if bytes.Contains(line, []byte(instance)) {
			return true
		}
	}
	return false
}

// nameOf returns what a line begins with that EncodeLine has written.
func nameOf(line []byte) (product, instance string, ok bool) {
	rest, ok := bytes.CutPrefix(line, []byte(`{"product":"`))
	name, rest, found := bytes.Cut(rest, []byte(`","instance":"`))
	second, _, closed := bytes.Cut(rest, []byte(`",`))
	plain := ok && found && closed && !bytes.ContainsAny(name, `"\\`) && !bytes.ContainsAny(second, `"\\`)
	return string(name), string(second), plain
}
