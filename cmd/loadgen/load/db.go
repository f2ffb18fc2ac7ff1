package load

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/fleet"
	"github.com/cozystack/cozystack-telemetry-server/ingest"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

const (
	product = "cozystack"
	// dbChunk is how many clusters one transaction takes.
	dbChunk = 5000
)

// DBOptions says what [DB] writes.
type DBOptions struct {
	// Path is the file to make. There must be none yet.
	Path string
	// Fleet is who has reported. Its Steps are ignored: they follow from the
	// months.
	Fleet fleet.Config
	// From and To are the first and the last month. The last one may be the
	// current month; nothing is written of the future.
	From, To rollup.MonthID
	// Every is the time between two reports of a client; 0 means 6 hours.
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
	o.Fleet.Steps = historySteps(o.From, o.To, o.Every)
	return o, checkHistory(o.From, o.To, o.Every, o.Fleet)
}

// DBResult is what [DB] has written.
type DBResult struct {
	// Months are the true figures of each month.
	Months map[rollup.MonthID]Month
	// ClusterDays counts the days on which a cluster has reported, over all
	// clusters.
	ClusterDays int
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
	s, err := store.Open(o.Path, store.Options{})
	if err != nil {
		return DBResult{}, err
	}
	d := newDBWriter(o, s)
	err = errors.Join(d.write(ctx), s.Close())
	if err != nil {
		return DBResult{}, errors.Join(err, os.Remove(o.Path))
	}
	return DBResult{d.truths.months(o.ConfirmDays), d.clusterDays}, nil
}

// dbWriter walks the days of a fleet's history.
type dbWriter struct {
	DBOptions
	store    *store.Store
	end      time.Time   // nothing is written from here on
	clusters []dbCluster // in the order of their ids, in which records are cheap to put

	truths      truths
	clusterDays int
	parser      *ingest.Parser
	text        []byte
}

// dbCluster is a cluster with what its clients sent last.
type dbCluster struct {
	fleet.Cluster
	id     string
	offset time.Duration
	last   [fleet.Clients]parsed
}

// parsed is a report, as text and as what the server makes of it.
type parsed struct {
	text    []byte
	samples []rollup.Sample
}

func newDBWriter(o DBOptions, s *store.Store) *dbWriter {
	d := &dbWriter{
		DBOptions: o, store: s, end: earlier(o.To.End(), o.Now()),
		truths: truths{}, parser: ingest.NewParser(ingest.Limits{}),
	}
	f := fleet.New(o.Fleet)
	for i := range f.Len() {
		c := f.Cluster(i)
		d.clusters = append(d.clusters, dbCluster{Cluster: c, id: c.ID(), offset: offsetOf(&c, o.Every)})
	}
	slices.SortFunc(d.clusters, func(a, b dbCluster) int { return strings.Compare(a.id, b.id) })
	return d
}

// dayChunk is some clusters' part of a day.
type dayChunk struct {
	date rollup.Date
	days []store.InstanceDay
}

// write folds days while the store writes those before, then closes the months.
func (d *dbWriter) write(ctx context.Context) error {
	chunks := make(chan dayChunk)
	group, working := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(chunks)
		return d.fold(working, chunks)
	})
	group.Go(func() error {
		for c := range chunks {
			if err := d.store.MergeDays(working, product, c.date, c.days); err != nil {
				return err
			}
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		return err
	}
	for m := d.From; m <= d.To && !d.Open && !d.Now().Before(m.End()); m++ {
		d.progress("%s is closed", m)
		if err := d.store.CloseMonth(ctx, m); err != nil {
			return err
		}
	}
	d.progress("%d days of clusters written\n", d.clusterDays)
	return nil
}

func (d *dbWriter) progress(format string, args ...any) {
	if d.Progress != nil {
		fmt.Fprintf(d.Progress, "\r"+format+"      ", args...)
	}
}

func (d *dbWriter) fold(ctx context.Context, chunks chan<- dayChunk) error {
	for date := d.From.First(); date.Start().Before(d.end); date++ {
		d.progress("%s", date)
		for clusters := range slices.Chunk(d.clusters, dbChunk) {
			days, err := d.foldChunk(clusters, date)
			if err != nil {
				return err
			}
			select {
			case chunks <- dayChunk{date, days}:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

func (d *dbWriter) foldChunk(clusters []dbCluster, date rollup.Date) ([]store.InstanceDay, error) {
	days := make([]store.InstanceDay, 0, len(clusters))
	for i := range clusters {
		day, err := d.foldDay(&clusters[i], date)
		if err != nil {
			return nil, err
		}
		if !day.IsZero() {
			days = append(days, store.InstanceDay{Instance: clusters[i].id, Day: day})
		}
	}
	d.clusterDays += len(days)
	return days, nil
}

// foldDay folds what a cluster's clients send on a day.
func (d *dbWriter) foldDay(c *dbCluster, date rollup.Date) (day rollup.Day, err error) {
	first := d.From.Start().Add(c.offset)
	end := earlier((date + 1).Start(), d.end)
	// The first step whose reports come on this day or later.
	step := max(0, int((date.Start().Sub(first)+d.Every-1)/d.Every))
	for ; ; step++ {
		at := first.Add(time.Duration(step) * d.Every)
		if !at.Before(end) {
			return day, nil
		}
		for client := range fleet.Clients {
			if !c.Sends(client, step) {
				continue
			}
			samples, err := d.samples(c, client, step)
			if err != nil {
				return day, err
			}
			day = day.Merge(rollup.FromReport(rollup.Report{Received: at, Samples: samples}))
			d.truths.add(&c.Cluster, client, step, at)
		}
	}
}

// samples returns what the server reads in a report. Most reports repeat the one
// before.
func (d *dbWriter) samples(c *dbCluster, client fleet.Client, step int) ([]rollup.Sample, error) {
	d.text = c.Report(d.text[:0], client, step)
	last := &c.last[client]
	if bytes.Equal(last.text, d.text) {
		return last.samples, nil
	}
	samples, _, err := d.parser.Parse(last.samples[:0], d.text)
	if err != nil {
		return nil, fmt.Errorf("load: a report of the fleet: %w", err)
	}
	slices.SortFunc(samples, func(a, b rollup.Sample) int { return strings.Compare(string(a.Series), string(b.Series)) })
	*last = parsed{append(last.text[:0], d.text...), samples}
	return samples, nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
