package load

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/products"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/others"
	"github.com/cozystack/cozystack-telemetry-server/product"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// othersChunk is how many installations' days are held in memory at a time.
const othersChunk = 128

// OthersOptions says what [Others] writes.
type OthersOptions struct {
	others.Config
	// Keys are those of the files.
	Keys product.Keys
	// Which tells to which of several servers a report came; nil: all to the first.
	Which func(others.Report) []int
}

// Others records in the servers' files what the installations of another product have
// reported, as what the server's own decoder makes of it, and returns the truth.
func Others(ctx context.Context, o OthersOptions, servers ...*store.Store) (*others.Truth, error) {
	all := products.All()
	i := slices.IndexFunc(all, func(p product.Product) bool { return p.Name == o.Product })
	if i < 0 || o.Count < 1 {
		return nil, fmt.Errorf("%w: no installations, or no product is named %q", ErrOptions, o.Product)
	}
	decoder, err := product.NewDecoder(all[i], false)
	if err != nil {
		return nil, err
	}
	w := &othersWriter{OthersOptions: o, servers: servers, product: all[i], decoder: decoder, truth: new(others.Truth)}
	group, working := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for first := 0; first < o.Count; first += othersChunk {
		group.Go(func() error { return w.write(working, first, min(first+othersChunk, o.Count)) })
	}
	return w.truth, group.Wait()
}

type othersWriter struct {
	OthersOptions
	servers []*store.Store
	product product.Product
	decoder *product.Decoder

	mu    sync.Mutex // held for the rest
	truth *others.Truth
}

// instanceDays are the days of some installations.
type instanceDays map[rollup.Date]map[string]rollup.Day

// write records what some installations have reported.
func (w *othersWriter) write(ctx context.Context, from, to int) error {
	days := make([]instanceDays, len(w.servers))
	for i := range days {
		days[i] = make(instanceDays)
	}
	for i := from; i < to && ctx.Err() == nil; i++ {
		for r := range w.Reports(i) {
			if err := w.fold(days, r); err != nil {
				return err
			}
		}
	}
	for i, s := range w.servers {
		if err := w.record(ctx, s, days[i]); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (w *othersWriter) record(ctx context.Context, s *store.Store, days instanceDays) error {
	for _, date := range slices.Sorted(maps.Keys(days)) {
		var all []rollup.InstanceDay
		for id, day := range days[date] {
			all = append(all, rollup.InstanceDay{Instance: id, Day: day})
		}
		slices.SortFunc(all, func(a, b rollup.InstanceDay) int { return strings.Compare(a.Instance, b.Instance) })
		if err := s.MergeDays(ctx, w.product.Name, date, all); err != nil {
			return err
		}
	}
	return nil
}

// fold merges a report into its day, of each server that it came to.
func (w *othersWriter) fold(days []instanceDays, r others.Report) error {
	w.mu.Lock()
	w.truth.Add(r, r.At)
	w.mu.Unlock()
	report, err := w.decoder.DecodeFrom(nil, bytes.NewReader(r.Body), r.Header.Get)
	if err != nil || len(report.LeftOut) > 0 {
		return fmt.Errorf("load: a report of %s, without %v: %w", r.Product, report.LeftOut, err)
	}
	date, received := rollup.DateOf(r.At), r.At
	if w.product.Sessions {
		received = date.Start()
	}
	id, err := w.product.ID(w.Keys, report.Name, date)
	if err != nil || id == "" {
		return err
	}
	came := []int{0}
	if w.Which != nil {
		came = w.Which(r)
	}
	day := rollup.FromReport(rollup.Report{Product: r.Product, Instance: id, Received: received, Samples: report.Samples})
	for _, server := range came {
		days[server].merge(date, id, day)
	}
	return nil
}

func (d instanceDays) merge(date rollup.Date, id string, day rollup.Day) {
	if d[date] == nil {
		d[date] = make(map[string]rollup.Day)
	}
	d[date][id] = d[date][id].Merge(day)
}

// othersFleet is the fleet of a product over some months.
func othersFleet(name string, count int, seed uint64, from, to rollup.MonthID, now time.Time) others.Config {
	return others.Config{Product: name, Seed: seed, Count: count, From: from.Start(), To: earlier(to.End(), now)}
}

// fileKeys are the key of a file, and keys of days that nobody has afterwards.
type fileKeys struct {
	instance []byte
	err      error
	days     [sha256.Size]byte
}

func newFileKeys(ctx context.Context, s *store.Store) *fileKeys {
	k := new(fileKeys)
	k.instance, k.err = s.IdentityKey(ctx)
	_, _ = rand.Read(k.days[:]) // never fails
	return k
}

func (k *fileKeys) Instance() ([]byte, error) { return k.instance, k.err }

func (k *fileKeys) Session(day rollup.Date) ([]byte, error) {
	key := sha256.Sum256(fmt.Append(k.days[:], day))
	return key[:], nil
}
