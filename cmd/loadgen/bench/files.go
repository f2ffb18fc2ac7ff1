package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/fleet"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/load"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// history is a database file with a fleet's months.
type history struct {
	load.DBResult
	path string
	last rollup.MonthID
}

// monthFleet is the fleet of a file, and of VictoriaMetrics beside it.
func monthFleet(clusters int) fleet.Config {
	return fleet.Config{
		Seed: 1, Clusters: clusters, Full: true,
		UpgradeShare: 0.3, BirthShare: 0.1, DeathShare: 0.1,
	}
}

// steadyFleet is a fleet that reports all the time, none of which upgrades, comes or goes.
func steadyFleet(clusters int) fleet.Config {
	return fleet.Config{Seed: 1, Clusters: clusters, Full: true}
}

// lastMonth is the last month that has ended.
func (l *lab) lastMonth() rollup.MonthID { return rollup.MonthOf(l.Now()) - 1 }

// makeMonth makes a file of the last month's days, not closed.
func (l *lab) makeMonth(ctx context.Context) (history, error) {
	month := l.lastMonth()
	return l.makeFile(ctx, load.DBOptions{Fleet: monthFleet(l.Size.MonthClusters), From: month, To: month, Every: monthEvery, Open: true})
}

// makeYear makes a file of twelve closed months. They lie so far back that the
// server does not collect them by itself.
func (l *lab) makeYear(ctx context.Context) (history, error) {
	last := l.lastMonth() - 12
	return l.makeFile(ctx, load.DBOptions{Fleet: monthFleet(l.Size.Clusters), From: last - 11, To: last, Every: l.Size.StartEvery})
}

// makeFile makes a file in the lab's folder.
func (l *lab) makeFile(ctx context.Context, o load.DBOptions) (history, error) {
	o.Path, o.Now = l.file("history.db"), l.Now
	l.progress("  making a file of %d clusters from %s to %s", o.Fleet.Clusters, o.From, o.To)
	result, err := load.DB(ctx, o)
	return history{result, o.Path, o.To}, err
}

// bytes measures the size of the month's file after bbolt has compacted it.
func (l *lab) bytes(ctx context.Context) (measured, error) {
	h, err := l.monthFile.get(ctx, l.makeMonth)
	if err != nil {
		return measured{}, err
	}
	size, err := compactedSize(h.path, l.file("compact.db"))
	if err != nil {
		return measured{}, err
	}
	each := float64(size) / float64(h.ClusterDays)
	return measured{fmt.Sprintf("%.0f, %s for %d days of clusters", each, megabytes(size), h.ClusterDays), each / 300}, nil
}

// compactedSize returns the size of a file's used part once it is compacted.
func compactedSize(from, to string) (size int64, err error) {
	src, err := bolt.Open(from, 0o600, &bolt.Options{ReadOnly: true, Timeout: time.Second})
	if err != nil {
		return 0, fmt.Errorf("bench: %w", err)
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	dst, err := bolt.Open(to, 0o600, &bolt.Options{NoSync: true, Timeout: time.Second})
	if err != nil {
		return 0, fmt.Errorf("bench: %w", err)
	}
	defer func() { err = errors.Join(err, dst.Close(), os.Remove(to)) }()
	const transaction = 16 << 20
	if err := bolt.Compact(dst, src, transaction); err != nil {
		return 0, fmt.Errorf("bench: %w", err)
	}
	err = dst.View(func(tx *bolt.Tx) error {
		size = tx.Size()
		return nil
	})
	return size, err
}

// start measures how long the server takes from its start until it is ready, on
// the file of the year.
func (l *lab) start(ctx context.Context) (measured, error) {
	h, err := l.yearFile.get(ctx, l.makeYear)
	if err != nil {
		return measured{}, err
	}
	var took []time.Duration
	for range l.Size.Rounds {
		s, err := l.serve(ctx, h.path)
		if err != nil {
			return measured{}, err
		}
		s.Kill()
		took = append(took, s.Took)
	}
	t := median(took)
	return measured{fmt.Sprintf("%.2f s with %d days of clusters", t.Seconds(), h.ClusterDays), t.Seconds()}, nil
}
