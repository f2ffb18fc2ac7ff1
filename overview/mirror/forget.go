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
)

// Forget removes an instance's lines from every day's file, at once and whether or
// not the store has that day. Then it does what Sync does: call it once the store
// has forgotten the instance. Temporary files that a crash has left are removed
// too, for they may have its lines. It returns how many lines it has removed.
//
// It returns ErrAhead, and removes nothing, if the mirror is ahead.
//
// A line that does not decode is removed if the instance's name is anywhere in it, and
// so is what of a file can't be unzipped: nobody knows what it has.
func (m *Mirror) Forget(ctx context.Context, product, instance string) (lines int, err error) {
	m.syncing.Lock()
	if err = m.refuseAhead(); err == nil {
		lines, err = m.forgetDays(ctx, product, instance)
	}
	m.syncing.Unlock()
	if err != nil {
		return lines, fmt.Errorf("mirror: %w", err)
	}
	return lines, m.Sync(ctx)
}

func (m *Mirror) forgetDays(ctx context.Context, product, instance string) (lines int, err error) {
	if err := tidy(m.dir, m.dayFolder()); err != nil {
		return 0, err
	}
	days, _, err := dayFiles(m.dir)
	if err != nil {
		return 0, err
	}
	list := m.readManifest()
	for _, f := range days {
		if err := ctx.Err(); err != nil {
			return lines, err
		}
		n, err := m.forgetDay(f, product, instance)
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
	return lines, m.writeManifest(list)
}

// forgetDay writes a day's file without the instance's lines, if it has any.
func (m *Mirror) forgetDay(f dayFile, product, instance string) (removed int, err error) {
	removed, err = m.filterLines(f, io.Discard, product, instance)
	if err != nil || removed == 0 {
		return 0, err
	}
	_, err = m.writeDayFile(filepath.Join(m.dir, f.name()), f.as, math.MaxInt64, func(w io.Writer) error {
		_, err := m.filterLines(f, w, product, instance)
		return err
	})
	return removed, err
}

// filterLines copies the lines of a file but for the instance's, which it counts.
func (m *Mirror) filterLines(f dayFile, w io.Writer, product, instance string) (removed int, err error) {
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
		if isLineOf(line, product, instance) {
			removed++
		} else if _, err := w.Write(line); err != nil {
			return removed, err
		}
		if err != nil {
			return removed, nil
		}
	}
}

func isLineOf(line []byte, product, instance string) bool {
	if !bytes.Contains(line, []byte(instance)) {
		return false // an instance's name is never escaped in JSON
	}
	var l struct{ Product, Instance string }
	if json.Unmarshal(line, &l) != nil {
		return true
	}
	return l.Product == product && l.Instance == instance
}
