package serve

import (
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/pflag"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/products"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/repotest"
	"github.com/cozystack/cozystack-telemetry-server/ingest"
	"github.com/cozystack/cozystack-telemetry-server/ingest/forward"
	"github.com/cozystack/cozystack-telemetry-server/store"
)

// The defaults are spelled as the program shows them.
func TestDocumentedFlags(t *testing.T) {
	flags, documented := newFlags(), newFlags()
	var names []string
	for _, row := range repotest.Table(t, "| Flag | Default | Meaning |") {
		name, value, usage := strings.TrimPrefix(row[0], "--"), row[1], row[2]
		names = append(names, name)
		flag := flags.Lookup(name)
		if flag == nil {
			t.Errorf("there is no flag --%s", name)
			continue
		}
		if err := documented.Set(name, value); err != nil || documented.Lookup(name).Value.String() != flag.DefValue {
			t.Errorf("--%s: the default is %q, not %q", name, flag.DefValue, value)
		}
		if usage != flag.Usage {
			t.Errorf("--%s:\ndocumented %q\nin --help  %q", name, usage, flag.Usage)
		}
	}
	var all []string
	flags.VisitAll(func(f *pflag.Flag) { all = append(all, f.Name) })
	if !slices.Equal(names, all) {
		t.Errorf("flags that are documented %q\nof the program            %q", names, all)
	}
}

func newFlags() *pflag.FlagSet {
	f := pflag.NewFlagSet(cli.Name, pflag.ContinueOnError)
	new(Config).Bind(f)
	return f
}

// metricRow is a line of the table of metrics.
type metricRow struct{ kind, labels, help string }

func TestDocumentedMetrics(t *testing.T) {
	s := newServerAt(t, filepath.Join(t.TempDir(), "telemetry.db"), func() time.Time { return readmeTime },
		"--products="+strings.Join(products.Names(), ","))
	defer s.close()
	documented := make(map[string]metricRow)
	for _, row := range repotest.Table(t, "| Metric | Type | Labels | Meaning |") {
		documented[row[0]] = metricRow{row[1], row[2], row[3]}
	}
	registered := gatherOwn(t, s.metrics)
	for _, name := range slices.Sorted(maps.Keys(registered)) {
		if documented[name] != registered[name] {
			t.Errorf("%s:\ndocumented %q\nof the program %q", name, documented[name], registered[name])
		}
	}
	for name := range documented {
		if _, ok := registered[name]; !ok {
			t.Errorf("there is no metric %s", name)
		}
	}
}

// gatherOwn returns the server's own metrics. It gives every vector a series,
// for without one it is not gathered.
func gatherOwn(t *testing.T, m *metrics) map[string]metricRow {
	t.Helper()
	m.onReport(ingest.Result{Product: "synapse", Nameless: true, Status: http.StatusOK})
	m.onCommit(store.Commit{})
	m.onForward("synapse", forward.Attempt{Outcome: forward.Delivered})
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	own := make(map[string]metricRow)
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), namespace+"_") {
			continue
		}
		var labels []string
		for _, l := range f.Metric[0].Label {
			labels = append(labels, l.GetName())
		}
		own[f.GetName()] = metricRow{strings.ToLower(f.GetType().String()), strings.Join(labels, ", "), f.GetHelp()}
	}
	if n := countOwn(m.registry); n != len(own) {
		t.Errorf("%d metrics are registered, %d were gathered: one has no series yet", n, len(own))
	}
	return own
}

// countOwn counts the names of the server's own metrics, with or without a series.
func countOwn(r *prometheus.Registry) int {
	descs := make(chan *prometheus.Desc)
	go func() {
		r.Describe(descs)
		close(descs)
	}()
	names := make(map[string]bool)
	for d := range descs {
		if _, name, own := strings.Cut(d.String(), `fqName: "`+namespace+"_"); own {
			name, _, _ = strings.Cut(name, `"`)
			names[name] = true
		}
	}
	return len(names)
}
