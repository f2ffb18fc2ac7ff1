package load

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/fleet"
	"github.com/cozystack/cozystack-telemetry-server/ingest"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

var february = rollup.NewMonth(2026, time.February)

// at is a clock that stands still.
func at(t *testing.T, text string) func() time.Time {
	t.Helper()
	now, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return func() time.Time { return now }
}

func lively(clusters int) fleet.Config {
	return fleet.Config{Seed: 9, Clusters: clusters, Full: true, UpgradeShare: 0.5, BirthShare: 0.3, DeathShare: 0.3}
}

// clusterDay names one record of a file.
type clusterDay struct {
	date    rollup.Date
	cluster string
}

// recorded merges every report of a history, step by step.
func recorded(t *testing.T, o DBOptions) map[clusterDay]rollup.Day {
	t.Helper()
	days := make(map[clusterDay]rollup.Day)
	parser := ingest.NewParser(ingest.Limits{}, 1)
	o.Fleet.Steps = historySteps(o.From, o.To, o.Every)
	f := fleet.New(o.Fleet)
	for step := range o.Fleet.Steps + 1 {
		for i := range f.Len() {
			c := f.Cluster(i)
			at := o.From.Start().Add(time.Duration(step) * o.Every).Add(offsetOf(&c, o.Every))
			for client := range fleet.Clients {
				if !c.Sends(client, step) || !at.Before(o.Now()) || !at.Before(o.To.End()) {
					continue
				}
				samples, _, err := parser.Parse(nil, c.Report(nil, client, step))
				if err != nil {
					t.Fatal(err)
				}
				k := clusterDay{rollup.DateOf(at), c.ID()}
				days[k] = days[k].Merge(rollup.FromReport(rollup.Report{Received: at, Samples: samples}))
			}
		}
	}
	return days
}

// storedDays reads all days of a file.
func storedDays(t *testing.T, path string) map[clusterDay]rollup.Day {
	t.Helper()
	s, err := store.Open(path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	dates, err := s.DayVersions("cozystack")
	if err != nil {
		t.Fatal(err)
	}
	days := make(map[clusterDay]rollup.Day)
	for date := range dates {
		err := s.Instances(t.Context(), date, func(_, instance string, day rollup.Day) error {
			days[clusterDay{date, instance}] = day
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return days
}

// closedMonths lists the months of a file that are closed.
func closedMonths(t *testing.T, path string) (months []string) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true, Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.View(func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte("months"))
		return b.ForEachBucket(func(k []byte) error {
			if b.Bucket(k).Bucket([]byte(rollup.Cozystack)).Get([]byte("folded")) != nil {
				months = append(months, string(k))
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return months
}

func TestDBIsWhatRecordingLeaves(t *testing.T) {
	for _, tt := range []struct {
		name   string
		every  time.Duration
		now    string
		open   bool
		closed []string
	}{
		{"two months that have ended", 5 * time.Hour, "2026-04-01T00:00:00Z", false, []string{"2026-02", "2026-03"}},
		{"left open", 5 * time.Hour, "2026-04-01T00:00:00Z", true, nil},
		{"the current month", 6 * time.Hour, "2026-03-07T10:30:00Z", false, []string{"2026-02"}},
		{"seldom", 50 * time.Hour, "2026-04-01T00:00:00Z", false, []string{"2026-02", "2026-03"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := DBOptions{
				Path: filepath.Join(t.TempDir(), "telemetry.db"), Fleet: lively(12),
				From: february, To: february + 1, Every: tt.every, Open: tt.open, Now: at(t, tt.now),
			}
			got, err := DB(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			want, have := recorded(t, o), storedDays(t, o.Path)
			if got.ClusterDays != len(want) || len(have) != len(want) {
				t.Errorf("%d days of clusters are said, %d are in the file, want %d", got.ClusterDays, len(have), len(want))
			}
			for k, day := range want {
				if !reflect.DeepEqual(have[k], day) {
					t.Fatalf("%v of %s:\n got %+v\nwant %+v", k.date, k.cluster, have[k], day)
				}
			}
			if closed := closedMonths(t, o.Path); !slices.Equal(closed, tt.closed) {
				t.Errorf("closed are %v, want %v", closed, tt.closed)
			}
			url, _ := importServer(t, "/api/v1/import/prometheus", http.StatusNoContent)
			truth, err := History(t.Context(), HistoryOptions{
				URL: url, Fleet: o.Fleet, From: o.From, To: o.To, Every: o.Every, Now: o.Now,
			})
			if err != nil || len(truth) != 2 || !reflect.DeepEqual(got.Months, truth) {
				t.Errorf("error %v, truth\n got %+v\nwant %+v", err, got.Months, truth)
			}
		})
	}
}

// More clusters than are written at a time, by each of those that fold.
func TestDBInChunks(t *testing.T) {
	clusters := runtime.GOMAXPROCS(0)*dbChunk + 10
	path := filepath.Join(t.TempDir(), "telemetry.db")
	var progress strings.Builder
	o := DBOptions{
		Path: path, Fleet: fleet.Config{Clusters: clusters}, From: february, To: february,
		Every: 24 * time.Hour, Progress: &progress, Now: at(t, "2026-02-02T12:00:00Z"),
	}
	got, err := DB(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	days := storedDays(t, path)
	if got.ClusterDays != len(days) || got.Months[february].Clusters != int64(clusters) || !maps.EqualFunc(days, recorded(t, o), sameDay) {
		t.Errorf("%d days of clusters, %d in the file, truth %+v", got.ClusterDays, len(days), got.Months)
	}
	if want := fmt.Sprint(len(days), " days of clusters written"); !strings.Contains(progress.String(), want) {
		t.Errorf("progress %q", progress.String())
	}
}

func sameDay(a, b rollup.Day) bool { return reflect.DeepEqual(a, b) }

func TestDBFails(t *testing.T) {
	dir := t.TempDir()
	existing := filepath.Join(dir, "existing.db")
	if err := os.WriteFile(existing, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	good := DBOptions{
		Path: filepath.Join(dir, "new.db"), Fleet: fleet.Config{Clusters: 3},
		From: february, To: february, Now: at(t, "2026-03-01T00:00:00Z"),
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	for name, tt := range map[string]struct {
		ctx  context.Context
		edit func(*DBOptions)
		want error
	}{
		"there is a file": {t.Context(), func(o *DBOptions) { o.Path = existing }, ErrOptions},
		"months swapped":  {t.Context(), func(o *DBOptions) { o.To-- }, ErrOptions},
		"too often":       {t.Context(), func(o *DBOptions) { o.Every = time.Second }, ErrOptions},
		"no clusters":     {t.Context(), func(o *DBOptions) { o.Fleet.Clusters = 0 }, ErrOptions},
		"interrupted":     {stopped, func(*DBOptions) {}, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			o := good
			tt.edit(&o)
			if got, err := DB(tt.ctx, o); !errors.Is(err, tt.want) || got.Months != nil {
				t.Errorf("%+v, error %v", got, err)
			}
		})
	}
	left, err := os.ReadDir(dir)
	if text, _ := os.ReadFile(existing); len(left) != 1 || string(text) != "precious" || err != nil {
		t.Errorf("left are %v, %q, error %v", left, text, err)
	}
}
