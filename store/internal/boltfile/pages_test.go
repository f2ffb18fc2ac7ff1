package boltfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// Pages that OpenReadOnly takes for good are held against bbolt's format.
func TestPageWalk(t *testing.T) {
	good := someFile(t)
	page := os.Getpagesize()
	leaf := 0
	for at := 2 * page; at+page <= len(good) && leaf == 0; at += page {
		if binary.NativeEndian.Uint16(good[at+8:]) == leafFlag && binary.NativeEndian.Uint16(good[at+10:]) > 2 &&
			binary.NativeEndian.Uint64(good[at:]) == uint64(at/page) {
			leaf = at
		}
	}
	if _, problem := parsePage(good[leaf:leaf+page], keyBounds{}); leaf == 0 || problem != "" {
		t.Fatalf("page %d: %s", leaf/page, problem)
	}
	damages := map[string]func(b []byte){
		"flags":             func(b []byte) { b[8] = 4 },
		"too many elements": func(b []byte) { b[10], b[11] = 0xff, 0xff },
		"a place outside":   func(b []byte) { b[pageHead+7] = 0xff },
		"a length outside":  func(b []byte) { b[pageHead+11] = 0xff },
		"a value outside":   func(b []byte) { b[pageHead+15] = 0xff },
		"a key twice":       func(b []byte) { copy(b[pageHead+2*elementHead+8:], []byte{0, 0, 0, 0}) },
	}
	for name, damage := range damages {
		b := bytes.Clone(good[leaf : leaf+page])
		damage(b)
		if _, problem := parsePage(b, keyBounds{}); problem == "" {
			t.Errorf("%s: no problem is found", name)
		}
	}
	for name, bounds := range map[string]keyBounds{"below": {from: []byte{0xff}}, "above": {to: []byte{0}}} {
		if _, problem := parsePage(good[leaf:leaf+page], bounds); problem == "" {
			t.Errorf("%s: no problem is found", name)
		}
	}
}

func FuzzParsePage(f *testing.F) {
	f.Add(make([]byte, 64))
	f.Fuzz(func(t *testing.T, b []byte) {
		elements, problem := parsePage(b, keyBounds{})
		if problem != "" && elements != nil {
			t.Error("a page with a problem has elements")
		}
	})
}

// someFile returns the bytes of a file with some keys.
func someFile(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "some.db")
	db, err := Open(path, false)
	must(t, err)
	must(t, db.Update(func(tx *bolt.Tx) error {
		b, err := tx.CreateBucket([]byte("b"))
		for i := range 100 {
			err = errors.Join(err, b.Put(fmt.Appendf(nil, "key %03d", i), make([]byte, 100)))
		}
		return err
	}))
	must(t, db.Close())
	content, err := os.ReadFile(path)
	must(t, err)
	return content
}
