package mirror

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// tidyDays removes left-over files, and warns of what is none of the mirror's.
func (m *Mirror) tidyDays(found *Repaired) error {
	if err := tidy(m.dayFolder()); err != nil {
		found.warn("what a crash has left was not removed: %v", err)
	}
	entries, err := readFolder(m.dayFolder())
	if err != nil {
		return err
	}
	versions, err := m.store.DayVersions()
	if err != nil {
		return err
	}
	listed := m.readManifest().Days
	for _, e := range entries {
		name := filepath.Join(dayFolderName, e.Name())
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

// syncDays writes the days that are not clean, removes those that the store has
// dropped, and notes both in the manifest: each day at once, since there may be many.
//
// Only days that the manifest lists for this very database are removed: beside
// a new, empty database the day files may be the last copy of a lost one.
func (m *Mirror) syncDays(ctx context.Context, matches func(string, dayEntry) bool, failed *failures) {
	versions, err := m.store.DayVersions()
	if err != nil {
		failed.add(err)
		return
	}
	list, newest := m.readManifest(), newestOf(versions)
	for _, day := range slices.Sorted(maps.Keys(versions)) {
		if ctx.Err() != nil {
			break
		}
		key, as := day.String(), formOf(day, newest)
		path := filepath.Join(m.dayFolder(), dayFileName(day, as))
		if e, ok := list.Days[key]; !ok || e.Version != versions[day] || !matches(path, e) {
			// Until the file is known to be good, the manifest must not vouch for it.
			delete(list.Days, key)
			if e, err = m.writeDay(ctx, path, day, as); err != nil {
				failed.add(err)
				continue
			}
			e.Version = versions[day]
			list.Days[key] = e
			failed.add(m.writeManifest(list))
		}
		failed.add(m.removeDay(day, as.other()))
	}
	failed.add(context.Cause(ctx))
	m.removeDropped(list, versions, failed)
	failed.add(m.writeManifest(list))
}

// removeDropped removes the listed files of days that the store has no more: retention
// has removed them, for the mirror is not ahead.
func (m *Mirror) removeDropped(list manifest, versions map[rollup.Date]uint64, failed *failures) {
	for key := range list.Days {
		day, _ := rollup.ParseDate(key) // readManifest has checked it
		if _, ok := versions[day]; ok {
			continue
		}
		if err := errors.Join(m.removeDay(day, plain), m.removeDay(day, zipped)); err != nil {
			failed.add(err)
			continue
		}
		delete(list.Days, key)
	}
}

// removeDay removes a day's file of a form, if there is one.
func (m *Mirror) removeDay(day rollup.Date, as form) error {
	path := filepath.Join(m.dayFolder(), dayFileName(day, as))
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
		return nil // what else has the name is not the mirror's
	}
	return os.Remove(path)
}

// writeDay writes a day's records. The version must have been read before: the
// file then holds at least that version, so a later change is never missed.
func (m *Mirror) writeDay(ctx context.Context, path string, day rollup.Date, as form) (dayEntry, error) {
	return writeDayFile(path, as, func(w io.Writer) error {
		return m.store.Instances(ctx, day, func(product, instance string, d rollup.Day) error {
			line, err := EncodeLine(product, instance, d)
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
