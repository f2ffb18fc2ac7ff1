package mirror

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Store is what the mirror needs of the file. All methods may be called
// concurrently. None of them may call back into the Mirror.
type Store interface {
	// DatabaseID returns the random id that the file was given at its creation.
	DatabaseID() string
	// Products returns the products that have a day or a month, sorted.
	Products() ([]string, error)
	// DayVersions returns the days that have records of a product, each with a number
	// that grows with every commit that changes what the day has of it.
	DayVersions(product string) (map[rollup.Date]uint64, error)
	// RemovedThrough returns the last day of a product that was ever removed because of
	// its age. A day up to it that has no records was removed, or is as good as removed.
	RemovedThrough(product string) (rollup.Date, error)
	// InstancesOf calls fn with every record that a day has of a product, in ascending
	// order of the instances. It holds no long read transaction, so fn may be slow. fn
	// may keep the strings, but not d's slices. An error of fn ends the walk and is
	// returned. What was committed before the call is seen.
	InstancesOf(ctx context.Context, product string, date rollup.Date,
		fn func(instance string, d rollup.Day) error) error
	// Snapshots returns all month snapshots of cozystack, ascending by month.
	Snapshots() ([]rollup.Snapshot, error)
	// OfferSnapshot stores a month's snapshot, unless a better one is stored, and
	// returns what stands now. It returns once that is durable.
	OfferSnapshot(ctx context.Context, s rollup.Snapshot) (kept rollup.Snapshot, err error)
	// ProductSnapshots returns those of the other products, by product and then by month.
	ProductSnapshots() ([]rollup.ProductSnapshot, error)
	// OfferProductSnapshot does for them what OfferSnapshot does for cozystack.
	OfferProductSnapshot(ctx context.Context, s rollup.ProductSnapshot) (kept rollup.ProductSnapshot, err error)
	// Excluded returns all instances that figures leave out, in a fixed order.
	Excluded() ([]rollup.Exclusion, error)
	// Exclude lets the figures leave instances out, and returns how many were not before.
	Exclude(ctx context.Context, all []rollup.Exclusion) (added int, err error)
}

// DefaultEvery is how often a mirror is synced that is told nothing else.
const DefaultEvery = 15 * time.Minute

// Config holds what is optional about a Mirror.
type Config struct {
	// Every is the time between two runs of Sync in [Mirror.Run]. 0 means
	// DefaultEvery.
	Every time.Duration
	// DaysBytes bounds the bytes of all days' files, of all products: the oldest days that
	// find no room in it are left out, and no day of their product before them is there. Negative means no bound, and 0 what
	// the folder says itself, for who does not know the server's.
	DaysBytes int64
	// MinFree is how many bytes of the volume are left to others: no day is written while
	// there are fewer. 0 means none.
	MinFree int64
	// OnSync, if set, is told how each turn of [Mirror.Run] ended, and how many days were
	// left out, those of each product by themselves.
	OnSync func(leftOut int, err error)
}

func (c Config) withDefaults() Config {
	if c.Every <= 0 {
		c.Every = DefaultEvery
	}
	if c.OnSync == nil {
		c.OnSync = func(int, error) {}
	}
	return c
}

// Mirror keeps a copy of the store as JSON in a folder.
//
// Each file is replaced as a whole and durably: a reader, or a start after a
// crash, finds the old file or the new one, never a part. The mirror keeps no
// state in memory, so it follows whatever happens to the folder. Methods may be
// called concurrently.
type Mirror struct {
	dir   string
	store Store
	cfg   Config

	syncing sync.Mutex // held by Repair and Sync: one at a time
	// months is held while months are written, which is short, so that
	// WriteSnapshot need not wait for the days of a long Sync.
	months sync.Mutex
}

// New returns a mirror of store in the folder dir, which is made when it
// is missing. A caller that wants no mirror makes none: dir must not be empty.
func New(dir string, store Store, cfg Config) *Mirror {
	return &Mirror{dir: dir, store: store, cfg: cfg.withDefaults()}
}

// Repaired is what Repair found in the folder.
type Repaired struct {
	// Imported lists the months that were taken over into the store: those of each product
	// ascending, Cozystack's first.
	Imported []Month
	// Warnings name the files that are not the mirror's, or can't be used, and say
	// why. They were left as they are.
	Warnings []string
}

// Month is a month of a product.
type Month struct {
	Product string
	Month   rollup.MonthID
}

// String is such as "2026-03", of another product than cozystack with its name behind.
func (m Month) String() string {
	if m.Product == rollup.Cozystack {
		return m.Month.String()
	}
	return m.Month.String() + " of " + m.Product
}

func (r *Repaired) warn(format string, args ...any) {
	r.Warnings = append(r.Warnings, fmt.Sprintf(format, args...))
}

// Repair makes the folder ready at the start: it removes temporary files that a
// crash has left, imports the months that only the folder knows, and then does
// what Sync does, but reads every file it relies on, so that any edit is undone.
// Files that are none of the mirror's are never touched.
//
// One file that can't be written does not keep the others from it; the error is
// the first one. It is ErrAhead, and nothing is done, if the mirror is ahead.
func (m *Mirror) Repair(ctx context.Context) (Repaired, error) {
	m.syncing.Lock()
	defer m.syncing.Unlock()
	var found Repaired
	if err := m.refuseAhead(); err != nil {
		return found, fmt.Errorf("mirror: %w", err)
	}
	var failed failures
	failed.add(m.importMonths(ctx, &found))
	m.syncMonths(&failed)
	parts, err := m.parts()
	failed.add(err)
	for _, p := range parts {
		failed.add(p.tidyDays(&found))
	}
	m.syncDays(ctx, digestMatches, &failed)
	return found, failed.err()
}

// Import does the first part of Repair: it takes over the months that only the
// folder knows, and returns them. It is quick, and should come before the first
// question is answered, which may be for one of them. Repair tells of the files that
// can't be used.
func (m *Mirror) Import(ctx context.Context) ([]Month, error) {
	var found Repaired
	if err := m.importMonths(ctx, &found); err != nil {
		return nil, fmt.Errorf("mirror: %w", err)
	}
	return found.Imported, nil
}

// Sync writes the months and days whose file is not what the store holds, and
// removes the files of days that the store has dropped. A failure is handled as
// in Repair. When ctx ends, what was written so far is kept and noted.
func (m *Mirror) Sync(ctx context.Context) error {
	m.syncing.Lock()
	defer m.syncing.Unlock()
	if err := m.refuseAhead(); err != nil {
		return fmt.Errorf("mirror: %w", err)
	}
	var failed failures
	m.syncMonths(&failed)
	m.syncDays(ctx, sizeMatches, &failed)
	return failed.err()
}

// WriteSnapshot mirrors one month at once. It does not wait for a running Sync.
func (m *Mirror) WriteSnapshot(s rollup.Snapshot) error {
	m.months.Lock()
	defer m.months.Unlock()
	if err := m.writeMonth(s); err != nil {
		return fmt.Errorf("mirror: %w", err)
	}
	return nil
}

// WriteProductSnapshot does for another product than cozystack what WriteSnapshot does.
func (m *Mirror) WriteProductSnapshot(s rollup.ProductSnapshot) error {
	m.months.Lock()
	defer m.months.Unlock()
	if err := m.writeProductMonth(s); err != nil {
		return fmt.Errorf("mirror: %w", err)
	}
	return nil
}

// failures keeps the first of many errors, since a full disk fails every file
// in the same way.
type failures struct {
	first error
	more  int
}

func (f *failures) add(err error) {
	switch {
	case err == nil:
	case f.first == nil:
		f.first = err
	default:
		f.more++
	}
}

func (f *failures) err() error {
	if f.first == nil {
		return nil
	}
	if f.more == 0 {
		return fmt.Errorf("mirror: %w", f.first)
	}
	return fmt.Errorf("mirror: %w (and %d errors more)", f.first, f.more)
}
