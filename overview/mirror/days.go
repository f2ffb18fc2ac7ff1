package mirror

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// tidyDays removes left-over files, and warns of what is none of the mirror's.
func (p part) tidyDays(found *Repaired) error {
	if err := tidy(p.days()); err != nil {
		found.warn("what a crash has left was not removed: %v", err)
	}
	entries, err := readFolder(p.days())
	if err != nil {
		return err
	}
	versions, err := p.store.DayVersions(p.product)
	if err != nil {
		return err
	}
	listed := p.readManifest().Days
	for _, e := range entries {
		name := filepath.Join(p.in(), dayFolderName, e.Name())
		day, _, ok := dayOfFile(e.Name())
		_, known := versions[day]
		_, dropped := listed[day.String()]
		switch {
		case e.Name() == manifestName:
		case isLeftOver(e.Name()): // of which tidy has left what is being written
		case !ok || !e.Type().IsRegular():
			found.warn("%q is not a file of the mirror: ignored", name)
		case !known && !dropped:
			found.warn("%q is a day that the database lacks: left alone", name)
		}
	}
	return nil
}

// syncDays writes the days that are not clean, from the newest one back. Where a day finds
// no room, it and those of its product before are left out. It removes what the store has
// dropped, and notes both in the manifests: each day at once, since there may be many.
//
// Only days that the store has, or that the manifest lists for this very database, are
// removed: beside a new, empty database the day files may be the last copy of a lost one.
func (m *Mirror) syncDays(ctx context.Context, matches func(string, dayEntry) bool, failed *failures) {
	turns, dates, err := m.begin()
	if err != nil {
		failed.add(err)
		return
	}
	bound := m.bound(turns)
	left := bound
	for _, day := range slices.Backward(dates) {
		for _, t := range turns {
			version, ok := t.versions[day]
			if ctx.Err() != nil || !ok || t.list.LeftOut.leaves(day) {
				continue
			}
			d := dayTurn{day: day, version: version, as: formOf(day, t.newest), matches: matches, left: left}
			bytes, err := t.syncDay(ctx, d, t.list)
			if errors.Is(err, errNoRoom) {
				t.list.LeftOut = &leftOut{Through: day.String(), Bound: bound}
				continue
			}
			left -= bytes
			failed.add(err) // the days before may still have to make room
		}
	}
	failed.add(context.Cause(ctx))
	for _, t := range turns {
		t.removeDropped(t.list, t.versions, failed)
		t.removeLeftOut(&t.list, t.versions, failed)
		failed.add(t.writeManifest(t.list))
	}
}

// turn is what there is of a product when its days are synced.
type turn struct {
	part
	list     manifest
	versions map[rollup.Date]uint64
	newest   rollup.Date
}

// begin returns a turn for each product, and the days that any of them has, ascending.
func (m *Mirror) begin() (turns []*turn, dates []rollup.Date, err error) {
	parts, err := m.parts()
	if err != nil {
		return nil, nil, err
	}
	for _, p := range parts {
		versions, err := m.store.DayVersions(p.product)
		if err != nil {
			return nil, nil, err
		}
		dates = slices.AppendSeq(dates, maps.Keys(versions))
		turns = append(turns, &turn{p, p.readManifest(), versions, newestOf(versions)})
	}
	slices.Sort(dates)
	return turns, slices.Compact(dates), nil
}

// Behind returns how many days of the store the folder lacks, or has an older version of,
// by its manifests, those of each product by themselves. Those that are left out are not
// meant.
func (m *Mirror) Behind() (days int, err error) {
	turns, _, err := m.begin()
	if err != nil {
		return 0, fmt.Errorf("mirror: %w", err)
	}
	for _, t := range turns {
		for day, version := range t.versions {
			if e, ok := t.list.Days[day.String()]; !t.list.LeftOut.leaves(day) && (!ok || e.Version != version) {
				days++
			}
		}
	}
	return days, nil
}

// dayTurn is what is to be done for a day.
type dayTurn struct {
	day     rollup.Date
	version uint64
	as      form
	matches func(string, dayEntry) bool
	left    int64 // bytes that the day may take
}

// syncDay writes a day, unless it is clean, and returns how many bytes it takes, as it is
// or was. It returns errNoRoom if these are too many.
func (p part) syncDay(ctx context.Context, d dayTurn, list manifest) (bytes int64, err error) {
	key := d.day.String()
	e, ok := list.Days[key]
	ok = ok && e.Version == d.version
	if ok && d.as == plain && d.matches(p.dayPath(d.day, zipped), e) {
		d.as = zipped // as it was too long
	}
	fits := d.as == zipped || e.Bytes <= d.left // else it is zipped
	if !ok || !fits || !d.matches(p.dayPath(d.day, d.as), e) {
		// Until the file is known to be good, the manifest must not vouch for it.
		delete(list.Days, key)
		if e, d.as, err = p.writeDay(ctx, d); err != nil {
			return p.sizeOf(d.day), err
		}
		e.Version = d.version
		list.Days[key] = e
		err = p.writeManifest(list)
	}
	if e.Bytes > d.left {
		return 0, errNoRoom
	}
	return e.Bytes, errors.Join(err, p.removeDay(d.day, d.as.other()))
}

// sizeOf returns how many bytes a day's files take.
func (p part) sizeOf(day rollup.Date) (bytes int64) {
	for _, as := range []form{plain, zipped} {
		if info, err := os.Lstat(p.dayPath(day, as)); err == nil && info.Mode().IsRegular() {
			bytes += info.Size()
		}
	}
	return bytes
}

// removeDropped removes the listed files of days that the store has no more: retention
// has removed them, for the mirror is not ahead.
func (p part) removeDropped(list manifest, versions map[rollup.Date]uint64, failed *failures) {
	for key := range list.Days {
		day, _ := rollup.ParseDate(key) // readManifest has checked it
		if _, ok := versions[day]; ok {
			continue
		}
		if err := errors.Join(p.removeDay(day, plain), p.removeDay(day, zipped)); err != nil {
			failed.add(err)
			continue
		}
		delete(list.Days, key)
	}
}

// removeDay removes a day's file of a form, if there is one.
func (p part) removeDay(day rollup.Date, as form) error {
	path := p.dayPath(day, as)
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
		return nil // what else has the name is not the mirror's
	}
	return os.Remove(path)
}

// maxPlain is how long a plain file may become. A longer one is zipped although its day
// has not ended: whoever makes series up must not push out the days before.
const maxPlain = 64 << 20

// writeDay writes a day's records, and returns in which form. The version must have been
// read before: the file then holds at least that version, so a later change is never
// missed.
func (p part) writeDay(ctx context.Context, d dayTurn) (e dayEntry, as form, err error) {
	if d.as == plain {
		e, err = p.writeDayAs(ctx, d.day, plain, min(d.left, maxPlain))
		if !errors.Is(err, errNoRoom) {
			return e, plain, err
		}
	}
	e, err = p.writeDayAs(ctx, d.day, zipped, d.left)
	return e, zipped, err
}

func (p part) dayPath(day rollup.Date, as form) string {
	return filepath.Join(p.days(), dayFileName(day, as))
}

func (p part) writeDayAs(ctx context.Context, day rollup.Date, as form, most int64) (dayEntry, error) {
	return writeDayFile(p.dayPath(day, as), as, most, p.askVolume, func(w io.Writer) error {
		return p.store.InstancesOf(ctx, p.product, day, func(instance string, d rollup.Day) error {
			line, err := EncodeLine(p.product, instance, d)
			if err == nil {
				_, err = w.Write(append(line, '\n'))
			}
			return err
		})
	})
}

// sizeMatches tells whether a file may be the one that was written, at the price
// of a stat.
func sizeMatches(path string, e dayEntry) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode().IsRegular() && info.Size() == e.Bytes
}

// digestMatches tells whether a file is the one that was written; it reads it.
func digestMatches(path string, e dayEntry) bool {
	if !sizeMatches(path, e) {
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	digest := sha256.New()
	_, err = io.Copy(digest, f)
	return err == nil && hex.EncodeToString(digest.Sum(nil)) == e.SHA256
}
