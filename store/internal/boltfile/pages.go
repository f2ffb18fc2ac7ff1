package boltfile

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"

	bolt "go.etcd.io/bbolt"
)

// A pageWalk reads the pages of a bbolt file as plain bytes and holds them against
// the format. It believes nothing that it reads. bbolt's own check follows pointers
// in goroutines of its own, where a damaged page can end the process: it is run only
// on pages that this walk has found good.
//
// A page begins with its number, its flags, how many elements it has, and over how
// many more pages it runs. Of each element there is a head, behind the page's, and
// somewhere behind that the bytes of its key and value.
type pageWalk struct {
	ctx      context.Context
	file     io.ReaderAt
	pageSize uint64
	end      uint64 // the first page behind those that were ever used
	seen     []bool // by page
	buckets  int    // how many lie around what is read
	report   func(text string)
}

// InspectPages looks at the structure of a file that is open for reading only, and lets
// bbolt look where that is good. Each thing that is wrong is reported in a line.
func InspectPages(ctx context.Context, tx *bolt.Tx, path string, report func(text string)) error {
	good := true
	err := walkPages(ctx, tx, path, func(text string) { good = false; report(text) })
	if err != nil || !good {
		return err
	}
	for err := range tx.Check() {
		report(err.Error())
	}
	return nil
}

// walkPages walks all pages of a file in use.
func walkPages(ctx context.Context, tx *bolt.Tx, path string, report func(text string)) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	size := uint64(tx.DB().Info().PageSize)
	w := pageWalk{ctx: ctx, file: file, pageSize: size, end: uint64(tx.Size()) / size, report: report}
	w.seen = make([]bool, w.end)
	return w.walk(uint64(Root(tx).Root()), keyBounds{}, 0)
}

const (
	pageHead, elementHead  = 16, 16
	branchFlag, leafFlag   = 1, 2
	bucketFlag, bucketHead = 1, 16
	// maxPageDepth is more than a tree of 2^64 pages needs.
	maxPageDepth = 64
	// maxBuckets is how deep buckets may lie in each other. Those of a server are: days,
	// a day, a product, records.
	maxBuckets = 4
)

// keyBounds are the bounds of the keys in a page: from included, to excluded, nil
// for none.
type keyBounds struct{ from, to []byte }

// element is a page's entry: a key with a child, a bucket, or a value.
type element struct {
	key, value []byte
	child      uint64
	bucket     bool
}

// walk reads a page and all below it.
func (w *pageWalk) walk(id uint64, bounds keyBounds, depth int) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	page, problem, err := w.read(id, depth)
	if err != nil {
		return err
	}
	var elements []element
	if problem == "" {
		elements, problem = parsePage(page, bounds)
	}
	if problem != "" {
		w.report(fmt.Sprintf("page %d: %s", id, problem))
		return nil
	}
	leaf := binary.NativeEndian.Uint16(page[8:]) == leafFlag
	for i, e := range elements {
		switch {
		case !leaf:
			inner := keyBounds{e.key, bounds.to}
			if i+1 < len(elements) {
				inner.to = elements[i+1].key
			}
			err = w.walk(e.child, inner, depth+1)
		case e.bucket:
			err = w.bucket(id, e, depth)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// bucket reads the pages of a bucket, or the one that lies in its value.
func (w *pageWalk) bucket(id uint64, e element, depth int) error {
	if len(e.value) < bucketHead {
		w.report(fmt.Sprintf("page %d: bucket %q is cut off", id, e.key))
		return nil
	}
	if w.buckets == maxBuckets {
		w.report(fmt.Sprintf("page %d: bucket %q lies deeper than any of a server", id, e.key))
		return nil
	}
	w.buckets++
	defer func() { w.buckets-- }()
	if root := binary.NativeEndian.Uint64(e.value); root != 0 {
		return w.walk(root, keyBounds{}, depth+1)
	}
	elements, problem := parsePage(e.value[bucketHead:], keyBounds{})
	for _, inner := range elements {
		if inner.bucket || inner.child != 0 {
			problem = "a bucket within its value has buckets"
		}
	}
	if problem != "" {
		w.report(fmt.Sprintf("page %d: bucket %q: %s", id, e.key, problem))
	}
	return nil
}

// read returns a page with those over which it runs.
func (w *pageWalk) read(id uint64, depth int) (page []byte, problem string, err error) {
	if id < 2 || id >= w.end || depth > maxPageDepth {
		return nil, fmt.Sprintf("there can be no such page in %d pages, %d deep", w.end, depth), nil
	}
	page = make([]byte, w.pageSize)
	if _, err := w.file.ReadAt(page, int64(id*w.pageSize)); err != nil {
		return nil, "", err
	}
	more := uint64(binary.NativeEndian.Uint32(page[12:]))
	if stands := binary.NativeEndian.Uint64(page); stands != id || id+more >= w.end {
		return nil, fmt.Sprintf("it says that it is %d, with %d more", stands, more), nil
	}
	for p := id; p <= id+more; p++ {
		if w.seen[p] {
			return nil, fmt.Sprintf("page %d is used twice", p), nil
		}
		w.seen[p] = true
	}
	if more > 0 {
		page = make([]byte, w.pageSize*(more+1))
		_, err = w.file.ReadAt(page, int64(id*w.pageSize))
	}
	return page, "", err
}

// parsePage returns what is in a page, or what is wrong with it.
func parsePage(page []byte, bounds keyBounds) (elements []element, problem string) {
	if len(page) < pageHead {
		return nil, "it is cut off"
	}
	flags, count := binary.NativeEndian.Uint16(page[8:]), int(binary.NativeEndian.Uint16(page[10:]))
	if flags != branchFlag && flags != leafFlag {
		return nil, fmt.Sprintf("flags %x are of no page in a tree", flags)
	}
	if pageHead+count*elementHead > len(page) || count == 0 && flags == branchFlag {
		return nil, fmt.Sprintf("it can't have %d elements", count)
	}
	before, first := bounds.from, true
	for i := range count {
		e, ok := parseElement(page[pageHead+i*elementHead:], flags)
		if !ok {
			return nil, fmt.Sprintf("element %d lies outside", i)
		}
		order := bytes.Compare(before, e.key)
		if order > 0 || order == 0 && !first || bounds.to != nil && bytes.Compare(e.key, bounds.to) >= 0 {
			return nil, fmt.Sprintf("key %.40x is out of place", e.key)
		}
		before, first = e.key, false
		elements = append(elements, e)
	}
	return elements, ""
}

// parseElement reads the element at the beginning of b; places count from there.
func parseElement(b []byte, flags uint16) (e element, ok bool) {
	word := func(at int) uint64 { return uint64(binary.NativeEndian.Uint32(b[at:])) }
	var at, keyLen, valueLen uint64
	if flags == branchFlag {
		at, keyLen, e.child = word(0), word(4), binary.NativeEndian.Uint64(b[8:])
	} else {
		e.bucket = word(0)&bucketFlag != 0
		at, keyLen, valueLen = word(4), word(8), word(12)
	}
	if at+keyLen+valueLen > uint64(len(b)) {
		return e, false
	}
	e.key, e.value = b[at:at+keyLen], b[at+keyLen:at+keyLen+valueLen]
	return e, true
}
