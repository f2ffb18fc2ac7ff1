package store

import (
	"hash/maphash"
	"sync"

	bolt "go.etcd.io/bbolt"
)

// liveFile is the open file of a Store, in whose place another one may come.
type liveFile struct {
	mu sync.RWMutex
	db *bolt.DB
	// users are those who use db.
	users *sync.WaitGroup
	// seed is that of digests of records. It is another one where the same bytes may mean
	// something else: series have other numbers.
	seed maphash.Seed
}

func newLiveFile(db *bolt.DB) *liveFile {
	return &liveFile{db: db, users: new(sync.WaitGroup), seed: maphash.MakeSeed()}
}

// use returns the file, which stays open until done is called.
func (l *liveFile) use() (db *bolt.DB, done func()) {
	db, _, done = l.useSeeded()
	return db, done
}

// useSeeded is use with the seed of digests of that file's records.
func (l *liveFile) useSeeded() (db *bolt.DB, seed maphash.Seed, done func()) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	l.users.Add(1)
	return l.db, l.seed, l.users.Done
}

// reseed makes all digests others, after a dictionary has gone.
func (l *liveFile) reseed() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seed = maphash.MakeSeed()
}

// swap puts another file in the place of this one. closeOld waits for those who still use
// the old one, and closes it.
func (l *liveFile) swap(db *bolt.DB) (closeOld func() error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	old, users := l.db, l.users
	l.db, l.users, l.seed = db, new(sync.WaitGroup), maphash.MakeSeed()
	return func() error {
		users.Wait()
		return old.Close()
	}
}

// Close closes the file when nobody uses it any more.
func (l *liveFile) Close() error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.db.Close()
}
