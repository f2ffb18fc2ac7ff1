package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/child"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/load"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

const (
	// crowdEvery is the time between two reports of a client in the file of many
	// clusters: enough to see them in every month.
	crowdEvery = 10 * 24 * time.Hour
	// answerTime is longer than an answer of the rollups is used.
	answerTime = 1100 * time.Millisecond
	// sampleEvery is how often memory is looked at.
	sampleEvery = 5 * time.Millisecond
)

// distinct measures an answer with a distinct year whose last month is running, each
// time after a report has come and the last answer is not used any more.
func (l *lab) distinct(ctx context.Context) (measured, error) {
	s, err := l.serveYear(ctx, l.Size.Clusters, l.Size.StartEvery)
	if err != nil {
		return measured{}, err
	}
	defer s.Kill()
	reports := sender{lab: l, url: s.URL + "/", clusters: 1}
	var took []time.Duration
	for range l.Size.Rounds + 1 {
		if _, err := reports.post(ctx, 1, 1); err != nil {
			return measured{}, err
		}
		if err := pause(ctx, answerTime); err != nil {
			return measured{}, err
		}
		begin := l.Now()
		if err := s.askDistinct(ctx, l.lastMonth()+1); err != nil {
			return measured{}, err
		}
		took = append(took, l.Now().Sub(begin))
	}
	t := median(took[1:]) // the first one folds what has ended
	return measured{fmt.Sprintf("%.3f s, first %.3f s, %d clusters", t.Seconds(), took[0].Seconds(), l.Size.Clusters), t.Seconds() / 0.05}, nil
}

// distinctMemory measures the most memory of its own that a server has while it
// answers with a distinct year for the first time. The pages of the file, which the
// kernel can take back, are not its own.
func (l *lab) distinctMemory(ctx context.Context) (measured, error) {
	s, err := l.serveYear(ctx, l.Size.Many, crowdEvery)
	if err != nil {
		return measured{}, err
	}
	defer s.Kill()
	answered := make(chan error, 1)
	go func() { answered <- s.askDistinct(ctx, l.lastMonth()+1) }()
	for most := int64(0); ; {
		now, err := child.OwnMemory(s.PID)
		if err != nil {
			return measured{}, err
		}
		most = max(most, now)
		select {
		case err := <-answered:
			return measured{fmt.Sprintf("%s at %d", megabytes(most), l.Size.Many), float64(most) / 192e6}, err
		case <-time.After(sampleEvery):
		}
	}
}

// serveYear starts a server on a file of twelve months, the last one of which runs.
func (l *lab) serveYear(ctx context.Context, clusters int, every time.Duration) (*server, error) {
	path := l.file("running.db")
	o := load.DBOptions{Path: path, Fleet: l.monthFleet(), From: l.lastMonth() - 10, To: l.lastMonth() + 1, Every: every, Now: l.Now}
	o.Fleet.Clusters = clusters
	l.progress("  making a file of %d clusters from %s to %s", clusters, o.From, o.To)
	if _, err := load.DB(ctx, o); err != nil {
		return nil, err
	}
	return l.serve(ctx, path)
}

func (s *server) askDistinct(ctx context.Context, month rollup.MonthID) error {
	a, err := child.Get(ctx, s.URL+overviewPath(month)+"&aggregate=distinct")
	if err != nil {
		return err
	}
	var got struct {
		Periods struct {
			Year struct {
				Months  int
				Source  rollup.Source
				Unique  int `json:"unique_clusters"`
				Cluster int `json:"clusters"`
			}
		}
	}
	err = json.Unmarshal(a.Body, &got)
	if y := got.Periods.Year; err != nil || y.Months != 12 || y.Source != rollup.SourceRollups || y.Unique == 0 || y.Unique != y.Cluster {
		return fmt.Errorf("bench: the answer is wrong: %w: %.200s", err, a.Body)
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
