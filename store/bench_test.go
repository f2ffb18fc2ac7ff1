package store

import (
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// fleetReport is a report as a cluster sends it: 85 series, most of which every
// cluster has.
func fleetReport(cluster int, received time.Time) rollup.Report {
	r := rollup.Report{Product: "cozystack", Instance: uuid(cluster), Received: received}
	for i := range 84 {
		series := rollup.Series(fmt.Sprintf(`cozy_application_count{kind="Kind%02d"}`, i))
		r.Samples = append(r.Samples, rollup.Sample{Series: series, Value: float64((cluster + i) % 20)})
	}
	series := rollup.Series(fmt.Sprintf(`cozy_nodes_count{kernel="6.6.%d",os="linux"}`, cluster%40))
	r.Samples = append(r.Samples, rollup.Sample{Series: series, Value: float64(3 + cluster%5)})
	return r
}

// fleetLines are what of it waits in the queue.
func fleetLines(r rollup.Report) []byte {
	var lines []byte
	for _, s := range r.Samples {
		lines = fmt.Appendf(lines, "%s{cluster_id=%q,%s} %v %d\n", s.Series.Metric(), r.Instance, s.Series.LabelText(), s.Value, r.Received.UnixMilli())
	}
	return lines
}

// benchRecord times Record with reports of 1000 clusters, hour after hour.
func benchRecord(b *testing.B, run func(record func(n int))) {
	s := open(b, Options{QueueBytes: 64 << 20})
	reports := make([]rollup.Report, 1000)
	lines := make([][]byte, len(reports))
	for i := range reports {
		reports[i] = fleetReport(i, march)
		lines[i] = fleetLines(reports[i])
	}
	b.ReportAllocs()
	b.ResetTimer()
	run(func(n int) {
		r := reports[n%len(reports)]
		r.Received = march.Add(time.Duration(n/len(reports)) * time.Hour)
		if err := s.Record(b.Context(), r, lines[n%len(reports)]); err != nil {
			b.Error(err)
		}
	})
}

func BenchmarkRecord(b *testing.B) {
	b.Run("alone", func(b *testing.B) {
		benchRecord(b, func(record func(int)) {
			for n := range b.N {
				record(n)
			}
		})
	})
	b.Run("parallel", func(b *testing.B) {
		benchRecord(b, func(record func(int)) {
			var next atomic.Int64
			b.SetParallelism(64)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					record(int(next.Add(1)))
				}
			})
		})
	})
}

// BenchmarkPlainUpdate is what BenchmarkRecord/alone is measured against: the
// bare commit of the same bytes.
func BenchmarkPlainUpdate(b *testing.B) {
	db, err := bolt.Open(filepath.Join(b.TempDir(), "plain.db"), 0o600, &bolt.Options{
		FreelistType: bolt.FreelistMapType, NoFreelistSync: true, InitialMmapSize: 64 << 30,
	})
	must(b, err)
	defer db.Close()
	must(b, db.Update(func(tx *bolt.Tx) error { return firstOf(tx.CreateBucket([]byte("b"))) }))
	r := fleetReport(1, march)
	dict := emptyDictionary(b)
	encoded, err := record.EncodeDay(rollup.FromReport(r), dict)
	must(b, err)
	_, block, err := (&writer{blocks: record.NewBlockEncoder()}).encodeBlock([]*request{{report: &r, lines: fleetLines(r)}})
	must(b, err)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		must(b, db.Update(func(tx *bolt.Tx) error {
			bucket := tx.Bucket([]byte("b"))
			if err := bucket.Put(record.Key(uuid(n%1000)), encoded); err != nil {
				return err
			}
			return bucket.Put(fmt.Appendf(nil, "queue %016x", n), block)
		}))
	}
}

// emptyDictionary returns a dictionary that can grow, in a file of its own.
func emptyDictionary(b *testing.B) *record.Dictionary {
	db, err := bolt.Open(filepath.Join(b.TempDir(), "dict.db"), 0o600, nil)
	must(b, err)
	tx, err := db.Begin(true)
	must(b, err)
	b.Cleanup(func() {
		_ = tx.Rollback()
		_ = db.Close()
	})
	bucket, err := tx.CreateBucket(layout.BucketSeries)
	must(b, err)
	dict, err := layout.LoadDictionary(bucket)
	must(b, err)
	dict.Put = layout.Growing(bucket)
	return dict
}

func BenchmarkEncodeDay(b *testing.B) {
	dict, day := emptyDictionary(b), rollup.FromReport(fleetReport(1, march))
	size := 0
	b.ReportAllocs()
	for b.Loop() {
		encoded, err := record.EncodeDay(day, dict)
		must(b, err)
		size = len(encoded)
	}
	b.ReportMetric(float64(size), "B/record")
}

func BenchmarkDecodeDay(b *testing.B) {
	dict := emptyDictionary(b)
	encoded, err := record.EncodeDay(rollup.FromReport(fleetReport(1, march)), dict)
	must(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := record.DecodeDay(encoded, dict); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFoldMonth folds 2000 clusters' month: from 31 days and from the month
// rollups, all of it and one metric.
func BenchmarkFoldMonth(b *testing.B) {
	const clusters = 2000
	s := open(b, Options{})
	month := rollup.MonthOf(march)
	var wg sync.WaitGroup
	tokens := make(chan struct{}, maxBatch)
	for date := month.First(); date <= month.Last(); date++ {
		for cluster := range clusters {
			tokens <- struct{}{}
			wg.Go(func() {
				if err := s.Record(b.Context(), fleetReport(cluster, date.Start()), nil); err != nil {
					b.Error(err)
				}
				<-tokens
			})
		}
	}
	wg.Wait()
	size, err := s.SizeBytes()
	must(b, err)
	fold := func(metrics []string) func(b *testing.B) {
		return func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				n := 0
				must(b, s.Fold(b.Context(), "cozystack", month, month, metrics, func(string, []rollup.Month) error { n++; return nil }))
				if n != clusters {
					b.Fatalf("%d clusters", n)
				}
			}
			b.ReportMetric(float64(size)/clusters/31, "B/record")
		}
	}
	nodes := []string{"cozy_nodes_count"}
	b.Run("days", fold(nil))
	b.Run("days, one metric", fold(nodes))
	must(b, s.CloseDays(b.Context(), month, month.Last()))
	b.Run("closed", fold(nil))
	b.Run("closed, one metric", fold(nodes))
	b.Run("reopen", func(b *testing.B) {
		must(b, s.Close())
		for b.Loop() {
			again, err := Open(s.path, Options{})
			must(b, err)
			must(b, again.Close())
		}
	})
}
