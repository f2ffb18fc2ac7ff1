package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/products"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/fleet"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/others"
	"github.com/cozystack/cozystack-telemetry-server/ingest"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// DBOptions says what [DB] writes.
type DBOptions struct {
	// Path is the file to make. There must be none yet.
	Path string
	// Fleet is who has reported. Its Steps and Every are ignored: they follow from the
	// months and from Every.
	Fleet fleet.Config
	// Products says how many installations of which other products have reported, too.
	Products map[string]int
	// From and To are the first and the last month. The last one may be the
	// current month; nothing is written of the future.
	From, To rollup.MonthID
	// Every is the time between two reports of a client; 0 means 6 hours. Other products
	// report as seldom or more seldom.
	Every time.Duration
	// Open leaves the months that have ended as days, as a server does before it
	// has closed them.
	Open bool
	// ConfirmDays is on how many days a cluster must be seen to be confirmed; 0
	// means 7.
	ConfirmDays int
	// Progress gets a line that overwrites itself; nil means none.
	Progress io.Writer
	// Now is the clock. It must be set.
	Now func() time.Time
}

func (o DBOptions) withDefaults() (DBOptions, error) {
	o.Every = cmp.Or(o.Every, defaultEvery)
	o.ConfirmDays = cmp.Or(o.ConfirmDays, defaultConfirmDays)
	o.Fleet.Steps, o.Fleet.Every = historySteps(o.From, o.To, o.Every), o.Every
	return o, checkHistory(o.From, o.To, o.Every, o.Fleet)
}

// DBResult is what [DB] has written.
type DBResult struct {
	// Months are the true figures of each month.
	Months Months
	// ClusterDays counts the days on which a cluster has reported, over all
	// clusters.
	ClusterDays int
	// Products are the true figures of other products, over any window.
	Products map[string]*others.Truth
}

// DB makes a database file of the telemetry server that has the history of a
// fleet: what recording each report would have left, but for the queue. It folds
// each cluster's day in memory and lets package store write it. A file that was
// not finished is removed.
func DB(ctx context.Context, o DBOptions) (DBResult, error) {
	o, err := o.withDefaults()
	if err != nil {
		return DBResult{}, err
	}
	if _, err := os.Lstat(o.Path); !errors.Is(err, fs.ErrNotExist) {
		return DBResult{}, errors.Join(fmt.Errorf("%w: there is a file %q already", ErrOptions, o.Path), err)
	}
	s, err := store.Open(o.Path, store.Options{Unfolded: products.Unfolded()})
	if err != nil {
		return DBResult{}, err
	}
	d := &dbWriter{DBOptions: o, store: s, products: make(map[string]*others.Truth)}
	folders := newFolders(o, runtime.GOMAXPROCS(0))
	err = errors.Join(d.write(ctx, folders), s.Close())
	if err != nil {
		return DBResult{}, errors.Join(err, os.Remove(o.Path))
	}
	all := truths{}
	for _, f := range folders {
		all.merge(f.truths)
	}
	months := all.months(o.ConfirmDays)
	months.addProducts(d.products)
	return DBResult{months, d.clusterDays, d.products}, nil
}

// dbWriter hands to the store what folders have folded.
type dbWriter struct {
	DBOptions
	store       *store.Store
	clusterDays int
	products    map[string]*others.Truth
}

// write writes days while those behind them are folded, then closes the months.
func (d *dbWriter) write(ctx context.Context, folders []*folder) error {
	chunks := make(chan dayChunk)
	group, working := errgroup.WithContext(ctx)
	var folding sync.WaitGroup
	for _, f := range folders {
		folding.Add(1)
		group.Go(func() error {
			defer folding.Done()
			return f.fold(working, chunks)
		})
	}
	group.Go(func() error { return d.merge(working, chunks) })
	folding.Wait()
	close(chunks)
	if err := group.Wait(); err != nil {
		return err
	}
	if err := d.writeProducts(ctx); err != nil {
		return err
	}
	for m := d.From; m <= d.To && !d.Open && !d.Now().Before(m.End()); m++ {
		d.progress("%s is closed", m)
		if err := d.store.CloseDays(ctx, m, m.Last()); err != nil {
			return err
		}
	}
	d.progress("%d days of clusters written\n", d.clusterDays)
	return nil
}

// writeProducts writes what other products have reported.
func (d *dbWriter) writeProducts(ctx context.Context) error {
	keys := newFileKeys(ctx, d.store)
	for _, name := range slices.Sorted(maps.Keys(d.Products)) {
		d.progress("%s", name)
		fleet := othersFleet(name, d.Products[name], d.Fleet.Seed, d.From, d.To, d.Now())
		fleet.Every = d.Every
		truth, err := Others(ctx, OthersOptions{Config: fleet, Keys: keys}, d.store)
		if err != nil {
			return err
		}
		d.products[name] = truth
	}
	return nil
}

func (d *dbWriter) merge(ctx context.Context, chunks <-chan dayChunk) error {
	for c := range chunks {
		d.progress("%s", c.date)
		if err := d.store.MergeDays(ctx, rollup.Cozystack, c.date, c.days); err != nil {
			return err
		}
		d.clusterDays += len(c.days)
	}
	return nil
}

func (d *dbWriter) progress(format string, args ...any) {
	if d.Progress != nil {
		fmt.Fprintf(d.Progress, "\r"+format+"      ", args...)
	}
}

// newFolders deals a fleet's clusters out to n folders, in the order of their
// ids, in which records are cheap to put.
func newFolders(o DBOptions, n int) []*folder {
	f := fleet.New(o.Fleet)
	clusters := make([]dbCluster, f.Len())
	for i := range clusters {
		c := f.Cluster(i)
		clusters[i] = dbCluster{Cluster: c, id: c.ID(), offset: offsetOf(&c, o.Every)}
	}
	slices.SortFunc(clusters, func(a, b dbCluster) int { return strings.Compare(a.id, b.id) })
	parser := ingest.NewParser(ingest.Limits{}, 1)
	var folders []*folder
	for part := range slices.Chunk(clusters, (len(clusters)+n-1)/n) {
		folders = append(folders, &folder{
			parser: parser, start: o.From.Start(), end: earlier(o.To.End(), o.Now()), every: o.Every,
			clusters: part, truths: truths{},
		})
	}
	return folders
}
