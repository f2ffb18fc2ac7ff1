package load

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/fleet"
	"github.com/cozystack/cozystack-telemetry-server/ingest"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// dbChunk is how many clusters' days are written at a time.
const dbChunk = 2000

// dayChunk is some clusters' part of a day.
type dayChunk struct {
	date rollup.Date
	days []rollup.InstanceDay
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

// folder folds the days of some clusters, one after the other. It is for one goroutine.
type folder struct {
	parser     *ingest.Parser
	start, end time.Time // nothing is reported before and after
	every      time.Duration
	clusters   []dbCluster
	truths     truths
	text       []byte
}

// fold sends the clusters' days, one after the other.
func (f *folder) fold(ctx context.Context, chunks chan<- dayChunk) error {
	for date := rollup.DateOf(f.start); date.Start().Before(f.end); date++ {
		for clusters := range slices.Chunk(f.clusters, dbChunk) {
			days, err := f.foldChunk(clusters, date)
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

func (f *folder) foldChunk(clusters []dbCluster, date rollup.Date) ([]rollup.InstanceDay, error) {
	days := make([]rollup.InstanceDay, 0, len(clusters))
	for i := range clusters {
		day, err := f.foldDay(&clusters[i], date)
		if err != nil {
			return nil, err
		}
		if !day.IsZero() {
			days = append(days, rollup.InstanceDay{Instance: clusters[i].id, Day: day})
		}
	}
	return days, nil
}

// foldDay folds what a cluster's clients send on a day.
func (f *folder) foldDay(c *dbCluster, date rollup.Date) (rollup.Day, error) {
	var days [fleet.Clients]rollup.Day // merged in the end: each is the smaller
	first := f.start.Add(c.offset)
	end := earlier((date + 1).Start(), f.end)
	// The first step whose reports come on this day or later.
	step := max(0, int((date.Start().Sub(first)+f.every-1)/f.every))
	for ; ; step++ {
		at := first.Add(time.Duration(step) * f.every)
		if !at.Before(end) {
			return days[fleet.Operator].Merge(days[fleet.Controller]), nil
		}
		for client := range fleet.Clients {
			if !c.Sends(client, step) {
				continue
			}
			samples, err := f.samples(c, client, step)
			if err != nil {
				return rollup.Day{}, err
			}
			days[client] = days[client].Merge(rollup.FromReport(rollup.Report{Received: at, Samples: samples}))
			f.truths.add(&c.Cluster, client, step, at)
		}
	}
}

// samples returns what the server reads in a report, valid until the next one of
// the client. Most reports repeat the one before.
func (f *folder) samples(c *dbCluster, client fleet.Client, step int) ([]rollup.Sample, error) {
	f.text = c.Report(f.text[:0], client, step)
	last := &c.last[client]
	if bytes.Equal(last.text, f.text) {
		return last.samples, nil
	}
	samples, _, err := f.parser.Parse(last.samples[:0], f.text)
	if err != nil {
		return nil, fmt.Errorf("load: a report of the fleet: %w", err)
	}
	// Sorted once, it need not be sorted for every report that repeats it.
	slices.SortFunc(samples, func(a, b rollup.Sample) int { return strings.Compare(string(a.Series), string(b.Series)) })
	*last = parsed{append(last.text[:0], f.text...), samples}
	return samples, nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
