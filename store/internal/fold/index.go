package fold

import (
	"cmp"
	"slices"
	"strings"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Index tells what the numbers of a month's dictionary mean to a fold. It
// does not change once it is made, so all workers of a fold share it.
type Index struct {
	meanings []meaning // by number
	// series and metrics are those that the fold wants, sorted.
	series  []rollup.Series
	metrics []string
}

// meaning is what a number of a dictionary means to the fold: places in
// Index.series and metrics, or notWanted.
type meaning struct {
	series, metric int32
}

const notWanted = -1

// newIndex reads a dictionary. nil metrics are all.
func newIndex(bucket *bolt.Bucket, metrics []string) (*Index, error) {
	all, count, size := 0, 0, 0
	err := layout.EachSeries(bucket, func(text []byte) {
		all++
		if wants(metrics, text) {
			count, size = count+1, size+len(text)
		}
	})
	if err != nil {
		return nil, err
	}
	x := &Index{meanings: make([]meaning, 0, all)}
	wanted := make([]numberedSeries, 0, count)
	var texts strings.Builder // one piece of memory for all of them
	texts.Grow(size)
	err = layout.EachSeries(bucket, func(text []byte) {
		if wants(metrics, text) {
			start := texts.Len()
			texts.Write(text)
			wanted = append(wanted, numberedSeries{rollup.Series(texts.String()[start:]), len(x.meanings)})
		}
		x.meanings = append(x.meanings, meaning{notWanted, notWanted})
	})
	x.rank(wanted)
	return x, err
}

// numberedSeries is a series with its number in the dictionary.
type numberedSeries struct {
	series rollup.Series
	number int
}

// rank gives what is wanted its places.
func (x *Index) rank(wanted []numberedSeries) {
	slices.SortFunc(wanted, func(a, b numberedSeries) int { return cmp.Compare(a.series, b.series) })
	x.series = make([]rollup.Series, len(wanted))
	metrics := make(map[string]int32)
	for i, w := range wanted {
		x.series[i] = w.series
		metrics[w.series.Metric()] = 0
	}
	for metric := range metrics {
		x.metrics = append(x.metrics, metric)
	}
	slices.Sort(x.metrics)
	for i, metric := range x.metrics {
		metrics[metric] = int32(i)
	}
	for i, w := range wanted {
		x.meanings[w.number] = meaning{int32(i), metrics[w.series.Metric()]}
	}
}

// wants tells whether a series is of one of the metrics. They are few.
func wants(metrics []string, series []byte) bool {
	if metrics == nil {
		return true
	}
	for _, metric := range metrics {
		if rest, ok := strings.CutPrefix(string(series[:min(len(series), len(metric)+1)]), metric); ok && (rest == "" || rest == "{") {
			return true
		}
	}
	return false
}
