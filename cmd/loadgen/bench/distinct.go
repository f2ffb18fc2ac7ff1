package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/child"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/fleet"
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

// distinct measures an answer with a distinct year whose running month has new reports, and
// the first one of a server that was started again.
func (l *lab) distinct(ctx context.Context) (measured, error) {
	h, err := l.makeRunning(ctx, l.Size.Clusters, l.Size.StartEvery)
	if err != nil {
		return measured{}, err
	}
	if _, err := l.distinctFirst(ctx, h.path); err != nil { // it makes the ended months final
		return measured{}, err
	}
	first, err := l.distinctFirst(ctx, h.path)
	if err != nil {
		return measured{}, err
	}
	s, err := l.serve(ctx, h.path)
	if err != nil {
		return measured{}, err
	}
	defer s.Kill()
	t, err := l.distinctAnew(ctx, s)
	return measured{fmt.Sprintf("%.3f s, after a start %.3f s, %d clusters", t.Seconds(), first.Seconds(), l.Size.Clusters), t.Seconds() / 0.05}, err
}

// distinctAnew returns the median time of an answer after the running month has got what
// that many clusters send in a second, of clusters that it has not seen: nothing that was
// counted before is the answer. What was folded of the months that have ended is kept
// meanwhile.
func (l *lab) distinctAnew(ctx context.Context, s *server) (time.Duration, error) {
	_, seen, err := l.timeDistinct(ctx, s)
	if err != nil {
		return 0, err
	}
	reports := sender{lab: l, url: s.URL + "/", clusters: l.Size.Clusters, strangers: true}
	var took []time.Duration
	for range l.Size.Rounds {
		if _, err := reports.post(ctx, 1, l.aSecond()); err != nil {
			return 0, err
		}
		if err := pause(ctx, answerTime); err != nil {
			return 0, err
		}
		t, now, err := l.timeDistinct(ctx, s)
		if err != nil {
			return 0, err
		}
		if now <= seen {
			return 0, fmt.Errorf("bench: %d clusters were seen before new ones reported, and %d after", seen, now)
		}
		took, seen = append(took, t), now
	}
	return median(took), nil
}

// aSecond is how many reports the clusters of a file send in a second.
func (l *lab) aSecond() int { return max(l.Size.Clusters*int(fleet.Clients)/(15*60), 2) }

// distinctFirst returns how long the first answer of a new server takes.
func (l *lab) distinctFirst(ctx context.Context, path string) (time.Duration, error) {
	s, err := l.serve(ctx, path)
	if err != nil {
		return 0, err
	}
	defer s.Kill()
	t, _, err := l.timeDistinct(ctx, s)
	return t, err
}

// distinctMemory measures the most memory of its own that a server has while it
// answers with a distinct year for the first time. The pages of the file, which the
// kernel can take back, are not its own.
func (l *lab) distinctMemory(ctx context.Context) (measured, error) {
	h, err := l.makeRunning(ctx, l.Size.Many, crowdEvery)
	if err != nil {
		return measured{}, err
	}
	s, err := l.serve(ctx, h.path)
	if err != nil {
		return measured{}, err
	}
	defer s.Kill()
	answered := make(chan error, 1)
	go func() {
		_, _, err := l.timeDistinct(ctx, s)
		answered <- err
	}()
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

// makeRunning makes a file of twelve months, the last one of which runs.
func (l *lab) makeRunning(ctx context.Context, clusters int, every time.Duration) (history, error) {
	return l.makeFile(ctx, load.DBOptions{Fleet: monthFleet(clusters), From: l.lastMonth() - 10, To: l.lastMonth() + 1, Every: every})
}

// timeDistinct returns how long a distinct year takes that ends with the running month, and
// how many clusters it has.
func (l *lab) timeDistinct(ctx context.Context, s *server) (took time.Duration, clusters int, err error) {
	begin := l.Now()
	a, err := child.Get(ctx, s.URL+overviewPath(l.lastMonth()+1)+"&aggregate=distinct")
	if err != nil {
		return 0, 0, err
	}
	took = l.Now().Sub(begin)
	clusters, err = distinctClusters(a.Body)
	return took, clusters, err
}

// distinctClusters returns the clusters of an answer with a distinct year.
func distinctClusters(body []byte) (int, error) {
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
	if err := json.Unmarshal(body, &got); err != nil {
		return 0, fmt.Errorf("bench: %w: %.200s", err, body)
	}
	y := got.Periods.Year
	if y.Months != 12 || y.Source != rollup.SourceRollups || y.Unique == 0 || y.Unique != y.Cluster {
		return 0, fmt.Errorf("bench: the answer is wrong: %.200s", body)
	}
	return y.Unique, nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
