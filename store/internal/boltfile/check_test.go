package boltfile

import (
	"os"
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// A server that stops may write until the next one has the file: what that one saw of
// the file's size while it waited says nothing.
func TestCheckOfAFileThatGrewMeanwhile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "some.db")
	db, err := Open(path, false)
	must(t, err)
	result := make(chan error, 1)
	go func() {
		_, err := Check(path, func(*bolt.Tx) error { return nil })
		result <- err
	}()
	for openFiles(t, path) < 2 { // until the other waits for the lock
	}
	must(t, db.Update(func(tx *bolt.Tx) error {
		b, err := tx.CreateBucket([]byte("b"))
		must(t, err)
		return b.Put([]byte("k"), make([]byte, 1<<20))
	}))
	must(t, db.Close())
	must(t, <-result)
}

// openFiles counts how often this process has a file open.
func openFiles(t *testing.T, path string) (n int) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	for _, e := range entries {
		if name, _ := os.Readlink("/proc/self/fd/" + e.Name()); name == path {
			n++
		}
	}
	return n
}
