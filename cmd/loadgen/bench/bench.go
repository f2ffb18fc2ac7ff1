package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"time"
)

// ErrOptions is returned when options name what there is not.
var ErrOptions = errors.New("bench: wrong options")

// Options says what [Run] measures, and with what.
type Options struct {
	// Server is the binary of the telemetry server.
	Server string
	// Dir is where files are made, in a folder of their own that is removed in the
	// end; empty means the system's folder for such. It should lie on the disk that
	// matters: commits wait for it.
	Dir string
	// Size says how much is measured.
	Size Size
	// Only are the keys of the rows that are wanted; empty means all.
	Only []string
	// Progress gets a line per step; nil means none.
	Progress io.Writer
	// Now is the clock. It must be set.
	Now func() time.Time
}

// Size says how much is measured. Figures of other sizes than [Full] are not
// those that the goals mean.
type Size struct {
	Name string
	// Few and Many are numbers of clusters. Requests is how many are measured in
	// each of Rounds, after two of each cluster.
	Few, Many, Requests, Rounds int
	// Alone is how many requests are sent over one connection in each round.
	Alone int
	// MonthClusters are in the month that VictoriaMetrics has, too, Clusters in the
	// files of years. StartEvery is how often these report, which makes the number of
	// days that a start has to look at.
	MonthClusters, Clusters int
	StartEvery              time.Duration
	// Cached is how many requests are answered from the cache, and Beside how long
	// they are while reports come in.
	Cached int
	Beside time.Duration
}

// Full is the size that the goals are meant for. It takes some minutes.
func Full() Size {
	return Size{
		Name: "full", Few: 1000, Many: 100_000, Requests: 40_000, Rounds: 3, Alone: 1000,
		MonthClusters: 2000, Clusters: 10_000, StartEvery: 3 * 24 * time.Hour, Cached: 200_000, Beside: 10 * time.Second,
	}
}

// Small takes less than a minute.
func Small() Size {
	return Size{
		Name: "small", Few: 500, Many: 5000, Requests: 4000, Rounds: 3, Alone: 200,
		MonthClusters: 500, Clusters: 500, StartEvery: 3 * 24 * time.Hour, Cached: 20_000, Beside: 2 * time.Second,
	}
}

// Run measures. A row that can't be measured says so and keeps no other out; the
// error is of the options, or that of ctx, with what has been measured so far.
// All programs that it starts have ended when it returns.
func Run(ctx context.Context, o Options) (table Table, err error) {
	table = Table{Size: o.Size.Name, CPUs: runtime.NumCPU()}
	wanted, err := choose(o.Only)
	if err != nil {
		return table, err
	}
	dir, err := os.MkdirTemp(o.Dir, "loadgen-bench-")
	if err != nil {
		return table, fmt.Errorf("bench: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	l, err := newLab(o, dir)
	if err != nil {
		return table, err
	}
	defer l.close()
	for _, r := range wanted {
		l.progress("%s", r.what)
		m, err := r.measure(l, ctx)
		if ctx.Err() != nil {
			return table, ctx.Err()
		}
		out := Row{r.key, r.what, r.goal.text, m.figure, m.ratio, r.goal.judge(m.ratio)}
		if err != nil {
			out.Figure, out.Ratio, out.Verdict = err.Error(), 0, Failed
		}
		table.Rows = append(table.Rows, out)
	}
	return table, nil
}

// choose returns the rows with these keys, all if there are none.
func choose(keys []string) ([]row, error) {
	for _, key := range keys {
		if !slices.Contains(Rows(), key) {
			return nil, fmt.Errorf("%w: there is no row %q, but %v", ErrOptions, key, Rows())
		}
	}
	return slices.DeleteFunc(rows(), func(r row) bool {
		return len(keys) > 0 && !slices.Contains(keys, r.key)
	}), nil
}
