package store

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// The example of docs/database.md: a cluster's nodes get a new kernel between two
// reports of its operator, its controller reports once in between, and so does
// another cluster.
const exampleInstance = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"

func exampleReports() []rollup.Report {
	at := func(hour int) time.Time { return time.Date(2026, 3, 15, hour, 40, 0, 0, time.UTC) }
	nodes := func(kernel string) rollup.Series {
		return rollup.NewSeries("cozy_nodes_count", []rollup.Label{{Name: "kernel", Value: kernel}})
	}
	const (
		info   = `cozy_cluster_info{cozystack_version="v1.0.0"}`
		memory = `cozy_cluster_capacity{resource="memory"}`
		redis  = `cozy_application_count{kind="Redis"}`
		ratio  = `cozy_example_ratio`
	)
	return []rollup.Report{
		{Instance: exampleInstance, Received: at(9), Samples: []rollup.Sample{{Series: memory, Value: 811020009472}, {Series: info, Value: 1}, {Series: nodes("6.6"), Value: 3}}},
		{Instance: "another", Received: at(10), Samples: []rollup.Sample{{Series: `cozy_application_count{kind="Postgres"}`, Value: 5}}},
		{Instance: exampleInstance, Received: at(10), Samples: []rollup.Sample{{Series: redis, Value: 3}, {Series: ratio, Value: 0.5}}},
		{Instance: exampleInstance, Received: at(17), Samples: []rollup.Sample{{Series: memory, Value: 811020009472}, {Series: info, Value: 1}, {Series: nodes("6.12"), Value: 2}, {Series: nodes("6.6"), Value: 1}}},
	}
}

// TestDocumentedRecords holds the bytes in docs/database.md against those in a
// file, which decode to what the reports said.
func TestDocumentedRecords(t *testing.T) {
	s := open(t, Options{})
	var want rollup.Day
	for _, r := range exampleReports() {
		r.Product = "cozystack"
		must(t, s.Record(context.Background(), r, nil))
		if r.Instance == exampleInstance {
			want = want.Merge(rollup.FromReport(r))
		}
	}
	must(t, s.CloseDays(context.Background(), rollup.NewMonth(2026, 3), rollup.NewMonth(2026, 3).Last()))

	must(t, s.view(func(tx *bolt.Tx) error {
		day := layout.DayBucket(tx, rollup.NewMonth(2026, 3).First()+14)
		if day.Bucket([]byte("cozystack")).Sequence() != uint64(len(exampleReports())) {
			t.Errorf("version %d of the day", day.Bucket([]byte("cozystack")).Sequence())
		}
		records := layout.RecordsOf(day, "cozystack")
		compareDocumented(t, "key", documentedHex(t, "key"), record.Key(exampleInstance))
		compareDocumented(t, "day", documentedHex(t, "day"), records.Get(record.Key(exampleInstance)))

		month := layout.MonthBucket(tx, rollup.NewMonth(2026, 3))
		compareDictionary(t, "dictionary", layout.SeriesOf(month, "cozystack"))
		records = layout.RecordsOf(month, "cozystack")
		compareDocumented(t, "month", documentedHex(t, "month"), records.Get(record.Key(exampleInstance)))
		return nil
	}))
	date := rollup.DateOf(exampleReports()[0].Received)
	if got := stored(t, s)[target{date, "cozystack", exampleInstance}]; !sameDay(got, want) {
		t.Errorf("the record means %+v, want %+v", got, want)
	}
}

func compareDocumented(t *testing.T, what string, documented, written []byte) {
	t.Helper()
	if !bytes.Equal(documented, written) {
		t.Errorf("%s:\ndocumented % x\nwritten    % x", what, documented, written)
	}
}

func compareDictionary(t *testing.T, block string, series *bolt.Bucket) {
	t.Helper()
	var written strings.Builder
	must(t, series.ForEach(func(k, v []byte) error {
		_, err := fmt.Fprintf(&written, "% x   %s\n", k, v)
		return err
	}))
	if documented := documentedBlock(t, block); documented != written.String() {
		t.Errorf("%s:\ndocumented\n%s\nwritten\n%s", block, documented, written.String())
	}
}

// documentedBlock returns the text of the fenced block with a name.
func documentedBlock(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../docs/database.md")
	must(t, err)
	_, block, found := strings.Cut(string(text), "```text "+name+"\n")
	block, _, closed := strings.Cut(block, "```")
	if !found || !closed {
		t.Fatalf("docs/database.md has no block %q", name)
	}
	return block
}

// documentedHex returns the bytes at the start of a block's lines; what stands
// behind them explains them.
func documentedHex(t *testing.T, name string) []byte {
	t.Helper()
	pairs := regexp.MustCompile(`^([0-9a-f]{2}( |$))+`)
	var all []byte
	for line := range strings.Lines(documentedBlock(t, name)) {
		digits := strings.ReplaceAll(pairs.FindString(strings.TrimSuffix(line, "\n")), " ", "")
		b, err := hex.DecodeString(digits)
		if err != nil || len(b) == 0 {
			t.Fatalf("block %q: line %q: %v", name, line, err)
		}
		all = append(all, b...)
	}
	return all
}
