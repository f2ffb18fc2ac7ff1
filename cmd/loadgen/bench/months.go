package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/child"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/load"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// monthEvery is the time between two reports of a client in the month, for both
// programs.
const monthEvery = 6 * time.Hour

// month compares the first answer of a server for a month that it has as days to
// VictoriaMetrics' four queries of the same month.
func (l *lab) month(ctx context.Context) (measured, error) {
	h, err := l.monthFile.get(ctx, l.makeMonth)
	if err != nil {
		return measured{}, err
	}
	ours, err := l.coldAnswer(ctx, h)
	if err != nil {
		return measured{}, err
	}
	theirs, err := l.victoriaMonth(ctx, h)
	return measured{
		fmt.Sprintf("%.3f s, VictoriaMetrics %.3f s, %d clusters", ours.Seconds(), theirs.Seconds(), l.Size.MonthClusters),
		ratio(ours, theirs),
	}, err
}

// year measures the first answer of a server for a year of closed months.
func (l *lab) year(ctx context.Context) (measured, error) {
	h, err := l.yearFile.get(ctx, l.makeYear)
	if err != nil {
		return measured{}, err
	}
	t, err := l.coldAnswer(ctx, h)
	return measured{fmt.Sprintf("%.3f s, %d clusters", t.Seconds(), l.Size.Clusters), t.Seconds()}, err
}

// coldAnswer returns the median time of the first answer of new servers, each on
// a copy of the file.
func (l *lab) coldAnswer(ctx context.Context, h history) (time.Duration, error) {
	var took []time.Duration
	for range l.Size.Rounds {
		t, err := l.firstAnswer(ctx, h)
		if err != nil {
			return 0, err
		}
		took = append(took, t)
	}
	return median(took), nil
}

func (l *lab) firstAnswer(ctx context.Context, h history) (took time.Duration, err error) {
	path := l.file("copy.db")
	if err := child.CopyFile(path, h.path); err != nil {
		return 0, err
	}
	defer os.Remove(path)
	// A month that ended lately is not collected before its grace is over.
	s, err := l.serve(ctx, path, "--final-grace=744h")
	if err != nil {
		return 0, err
	}
	defer s.Kill()
	begin := l.Now()
	a, err := child.Get(ctx, s.URL+overviewPath(h.last))
	if err != nil {
		return 0, err
	}
	return l.Now().Sub(begin), checkOverview(a.Body, h.Months)
}

func overviewPath(month rollup.MonthID) string {
	return month.Start().Format("/api/overview?year=2006&month=1")
}

// checkOverview holds an answer against the true figures of its months.
func checkOverview(body []byte, months map[rollup.MonthID]load.Month) error {
	var got struct {
		Periods struct {
			Month struct {
				Clusters   int64
				TotalNodes int64 `json:"total_nodes"`
				Source     rollup.Source
			}
			Year struct{ Months int }
		}
	}
	if err := json.Unmarshal(body, &got); err != nil {
		return fmt.Errorf("bench: %w: %.200s", err, body)
	}
	var last rollup.MonthID
	for m := range months {
		last = max(last, m)
	}
	month, want := got.Periods.Month, months[last]
	if month.Clusters != want.Clusters || month.TotalNodes != want.TotalNodes ||
		month.Source != rollup.SourceRollups || got.Periods.Year.Months != len(months) {
		return fmt.Errorf("bench: the answer is wrong: want %d clusters and %d nodes of %d months: %.200s",
			want.Clusters, want.TotalNodes, len(months), body)
	}
	return nil
}
