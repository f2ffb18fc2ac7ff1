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
	// something else: series have other numbers. It is for what transactions see from the
	// number since on.
	seed  maphash.Seed
	since int
}

func newLiveFile(db *bolt.DB) *liveFile {
	return &liveFile{db: db, users: new(sync.WaitGroup), seed: maphash.MakeSeed()}
}

// use returns the file, which stays open until done is called.
func (l *liveFile) use() (db *bolt.DB, done func()) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	l.users.Add(1)
	return l.db, l.users.Done
}

// seedOf returns the seed of digests of what a transaction sees: one that nobody else has,
// if that is there no more.
func (l *liveFile) seedOf(tx *bolt.Tx) maphash.Seed {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if tx.DB() != l.db || tx.ID() < l.since {
		return maphash.MakeSeed()
	}
	return l.seed
}

// reseed makes all digests others for who sees what a transaction commits, by which a
// dictionary goes.
func (l *liveFile) reseed(tx *bolt.Tx) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seed, l.since = maphash.MakeSeed(), tx.ID()
}

// swap puts another file in the place of this one. closeOld waits for those who still use
// the old one, and closes it.
func (l *liveFile) swap(db *bolt.DB) (closeOld func() error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	old, users := l.db, l.users
	l.db, l.users, l.seed, l.since = db, new(sync.WaitGroup), maphash.MakeSeed(), 0
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
