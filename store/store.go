package store

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/boltfile"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Options tune a Store. The zero Options bound nothing, so that a command on a file
// takes nothing away; what a server bounds is said by its flags.
type Options struct {
	// QueueBytes bounds the forward queue, in bytes as they lie in the file.
	// When a report does not fit, the oldest blocks are dropped and counted.
	// 0 means no bound. The bound is soft by one block.
	QueueBytes int64
	// MaxBytes bounds the file. 0 means no bound. bbolt makes the file grow 16 MiB
	// ahead of need, and removals have a reserve of 8 MiB, so as many bytes of the
	// bound are never filled.
	// A file that is larger already opens; what it has free is still used.
	MaxBytes int64
	// Bounds limit what is kept of one instance and day, and of one instance and
	// month. What is above them is left out, and counted in Commit. The zero Bounds
	// are none.
	Bounds rollup.Bounds
	// BoundsOf are the bounds of products that have others. Kinds is of cozystack alone.
	BoundsOf map[string]rollup.Bounds
	// Dictionary bounds the series of a product's month over all instances: every
	// reader of the month holds them in memory. Series above it are left out and
	// counted as above. A file that has more already keeps them. 0 means no bound.
	Dictionary int
	// Known are series for which a dictionary has room when it has none for others: the
	// last quarter of it is for them, and for those that instances had in the month before
	// that were seen on ConfirmDays days of it. So a flood of series hides none of these.
	Known       []rollup.Series
	ConfirmDays int
	// Lasting are metrics of which a full dictionary still takes the bare names: new
	// series of theirs become one without labels. Their sums stay right, and a flood of
	// series does not hide an instance.
	Lasting []string
	// Unfolded are products whose days are never closed into their month: an instance of
	// theirs is known within a day only. Their months are read from days, and what Prune
	// removes of them is gone.
	Unfolded []string
	// OnCommit, if set, is told of each commit, from the writer's goroutine. It
	// must be quick.
	OnCommit func(Commit)
	// Now is the clock that times commits, and the pauses between tries to write to a
	// full file. nil means that durations are 0, and such a pause lasts until there is
	// room.
	Now func() time.Time
}

func (o Options) withDefaults() Options {
	if o.OnCommit == nil {
		o.OnCommit = func(Commit) {}
	}
	if o.Now == nil {
		o.Now = func() time.Time { return time.Time{} }
	}
	return o
}

// Commit tells of one transaction of the writer.
type Commit struct {
	// Reports is how many reports the transaction recorded.
	Reports int
	// LeftOut is how many series were not kept, because of Options.Bounds or
	// Options.Dictionary; counted with every report that had them.
	LeftOut int
	// Unreadable is how many blocks of the queue were removed since they could not
	// be read. What they held is not forwarded.
	Unreadable int
	// Duration is how long it took, disk included.
	Duration time.Duration
	// Err is why it failed, nil if it did not.
	Err error
}

// Store is an open database file. Its methods may be called concurrently.
type Store struct {
	db   *liveFile
	path string
	id   string
	opts Options
	// readOnly is set by OpenReadOnly: there is no writer.
	readOnly bool
	// copying has a token while Backup reads the file, so that only one does.
	copying chan struct{}
	// closingDays has a token while days are closed or a month is removed: see exclusively.
	closingDays chan struct{}
	// pruning has a token while days and months are removed, or something is forgotten.
	pruning chan struct{}

	// requests is what the writer takes from. Senders hold closing for reading,
	// so that Close can tell when no one sends any more.
	requests chan *request
	closing  sync.RWMutex
	closed   bool
	done     chan struct{} // closed when the writer has returned

	queue   queueState
	health  health
	changes changes
	// excluded has the exclusions by product, as the last commit has left them.
	excluded atomic.Pointer[map[string]rollup.Exclusions]
}

// Open opens the file, or creates it where there is none. It fails within about
// a second when another process has it. A file that can't be used is left as it
// is; the error then names the remedy.
func Open(path string, opts Options) (*Store, error) {
	db, err := openFile(path)
	if err != nil {
		return nil, err
	}
	s := &Store{
		db:          newLiveFile(db),
		path:        path,
		opts:        opts.withDefaults(),
		copying:     make(chan struct{}, 1),
		closingDays: make(chan struct{}, 1),
		pruning:     make(chan struct{}, 1),
		requests:    make(chan *request, maxBatch),
		done:        make(chan struct{}),
	}
	if err := s.view(s.load); err != nil {
		return nil, errors.Join(fmt.Errorf("store: read %s: %w%s", path, err, dberrors.Remedy(err)), db.Close())
	}
	w, err := newWriter(s)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	go w.run()
	return s, nil
}

// load reads what the Store keeps in memory.
func (s *Store) load(tx *bolt.Tx) error {
	s.id = string(tx.Bucket(layout.BucketMeta).Get(layout.KeyID))
	return errors.Join(s.loadExcluded(tx), s.queue.load(tx))
}

// Close commits what has been handed in, then closes the file. Writes after it
// return ErrClosed.
func (s *Store) Close() error {
	s.closing.Lock()
	if s.closed {
		s.closing.Unlock()
		return nil
	}
	s.closed = true
	close(s.requests)
	s.closing.Unlock()
	<-s.done
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("store: close %s: %w", s.path, err)
	}
	return nil
}

func (s *Store) isClosed() bool {
	s.closing.RLock()
	defer s.closing.RUnlock()
	return s.closed
}

// DatabaseID returns the random name that the file was given at its creation.
func (s *Store) DatabaseID() string { return s.id }

// SizeBytes returns the size of the file's used part.
func (s *Store) SizeBytes() (size int64, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		size = tx.Size()
		return nil
	})
	return size, err
}

// FreeBytes returns how much of the used part is pages that may be used again, and how many
// of these there are. It looks at no page.
func (s *Store) FreeBytes() (bytes int64, pages int) {
	db, done := s.db.use()
	defer done()
	st := db.Stats()
	pages = st.FreePageN + st.PendingPageN
	return int64(pages) * int64(db.Info().PageSize), pages
}

// view runs a read transaction. f must be short: see the package's story.
func (s *Store) view(f func(tx *bolt.Tx) error) error {
	db, done := s.db.use()
	defer done()
	return boltfile.View(db, f)
}
