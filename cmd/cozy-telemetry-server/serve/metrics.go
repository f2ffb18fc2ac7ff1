package serve

import (
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/products"
	"github.com/cozystack/cozystack-telemetry-server/ingest"
	"github.com/cozystack/cozystack-telemetry-server/ingest/forward"
	"github.com/cozystack/cozystack-telemetry-server/overview"
	"github.com/cozystack/cozystack-telemetry-server/overview/anomaly"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// namespace is the prefix of the server's own metrics.
const namespace = "cozy_telemetry"

// metrics are what the server says of itself. docs/reference.md has a table of them. No
// label grows with the number of clusters.
type metrics struct {
	registry *prometheus.Registry
	now      func() time.Time

	reports        *prometheus.CounterVec
	refused        *prometheus.CounterVec
	samples        *prometheus.CounterVec
	commits        *prometheus.CounterVec
	commitSeconds  prometheus.Histogram
	commitReports  prometheus.Histogram
	forwards       *prometheus.CounterVec
	forwardSamples *prometheus.CounterVec
	asks           *prometheus.CounterVec
	answers        *prometheus.CounterVec
	mirrorSyncs    *prometheus.CounterVec
	leftOut        prometheus.Counter
	removed        *prometheus.CounterVec
	backups        *prometheus.CounterVec
	anomalies      *prometheus.GaugeVec
	nameless       *prometheus.CounterVec

	started    time.Time
	taken      map[string]*taken // by product that is on
	daysLeft   atomic.Int64      // that the mirror has left out
	lastBackup atomic.Int64      // when the last one was made, in milliseconds; 0 without any
}

// taken are the metrics of a product's reports that were taken. They are looked up once: to do
// so for each report would cost 2 % of it.
type taken struct {
	reports, samples, nameless prometheus.Counter
	last                       atomic.Int64 // when the last one was, in milliseconds; 0 before the first
}

func newMetrics(now func() time.Time, on products.Flag) *metrics {
	outcomes, reasons := texts(forward.Outcomes()), texts(ingest.Reasons())
	m := &metrics{
		registry:       prometheus.NewRegistry(),
		now:            now,
		reports:        byProduct("reports_total", "Reports by the HTTP status of their answer.", on, "code", "200"),
		refused:        byProduct("reports_refused_total", "Reports that were not taken, by reason.", on, "reason", reasons...),
		samples:        byProduct("samples_total", "Samples of accepted reports: stored, or dropped for their metric's name or the type of their field.", on, "outcome", "stored", "dropped"),
		commits:        counter("commits_total", "Transactions of the database file.", "outcome", "committed", "failed"),
		commitSeconds:  histogram("commit_duration_seconds", "How long transactions took, disk included.", prometheus.ExponentialBuckets(0.0001, 2, 16)),
		commitReports:  histogram("commit_reports", "How many reports a transaction recorded.", prometheus.ExponentialBuckets(1, 2, 10)),
		forwards:       byProduct("forward_requests_total", "Requests to the receiver, by outcome.", on, "outcome", outcomes...),
		forwardSamples: byProduct("forward_samples_total", "Samples that left the queue, by outcome.", on, "outcome", outcomes[:2]...),
		asks:           counter("vmselect_asks_total", "Questions to vmselect, each for all figures of a window: answered, or failed so that the rollups answer.", "outcome", "answered", "failed"),
		answers:        counter("overview_answers_total", "Answers of the overview: cached, computed, or failed.", "outcome", string(overview.Cached), string(overview.Computed), string(overview.Failed)),
		mirrorSyncs:    counter("mirror_syncs_total", "Turns of the mirror, by outcome.", "outcome", "done", "failed"),
		leftOut: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: namespace, Name: "series_left_out_total",
			Help: "Series that were not kept because of a bound, counted with every report that had them.",
		}),
		removed: counter("retention_removed_total", "Days and months that were removed because of their age, and records of these days that could not be read.", "what", "days", "months", "unreadable records"),
		backups: counter("backups_total", "Backups, written to --backup-dir or sent to a client: done, or failed.", "outcome", "done", "failed"),
		anomalies: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: namespace, Name: "anomalies",
			Help: "What looks made up, by kind, as of the last look.",
		}, []string{"kind"}),
		nameless: counter("reports_nameless_total", "Reports that were taken and counted, and are no instance's: their sender has no name.", "product"),
		started:  now(),
		taken:    make(map[string]*taken),
	}
	m.registry.MustRegister(m.reports, m.refused, m.samples, m.commits, m.commitSeconds, m.commitReports,
		m.forwards, m.forwardSamples, m.asks, m.answers, m.mirrorSyncs, m.leftOut, m.removed, m.backups, m.anomalies, m.nameless,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), buildInfo())
	m.onLook(nil)
	for _, product := range on.Names() {
		m.observeReports(product)
	}
	m.gauge("last_backup_timestamp_seconds", "When the last backup was made that is known of; 0 without any.", func() float64 {
		// The clock may have been set back since; an alert on its age must still come.
		return float64(min(m.lastBackup.Load(), m.now().UnixMilli())) / 1000
	})
	m.gauge("mirror_left_out_days", "Days that found no room in --mirror-max-bytes, as of the mirror's last turn.", func() float64 {
		return float64(m.daysLeft.Load())
	})
	return m
}

func texts[S ~string](all []S) (out []string) {
	for _, s := range all {
		out = append(out, string(s))
	}
	return out
}

// observeReports looks up the metrics of a product's reports, and adds what is told of the
// last one.
func (m *metrics) observeReports(product string) {
	t := &taken{reports: m.reports.WithLabelValues(product, "200"), samples: m.samples.WithLabelValues(product, "stored")}
	if product != rollup.Cozystack {
		t.nameless = m.nameless.WithLabelValues(product)
	}
	m.taken[product] = t
	m.gaugeOf(product, "last_report_timestamp_seconds", "When the last report was accepted; 0 before the first one since the start.", func() float64 {
		return float64(t.last.Load()) / 1000
	})
	m.gaugeOf(product, "report_age_seconds", "Time since the last report was accepted, or since the start.", func() float64 {
		if last := t.last.Load(); last > 0 {
			return m.now().Sub(time.UnixMilli(last)).Seconds()
		}
		return m.now().Sub(m.started).Seconds()
	})
}

// byProduct does what counter does, for each product that is on.
func byProduct(name, help string, on products.Flag, label string, values ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, []string{"product", label})
	for _, product := range on.Names() {
		for _, v := range values {
			c.WithLabelValues(product, v)
		}
	}
	return c
}

// counter returns a counter with one label. Its known values are there from the
// start, as 0: an alert on something that never happened before needs them.
func counter(name, help, label string, values ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, []string{label})
	for _, v := range values {
		c.WithLabelValues(v)
	}
	return c
}

func (m *metrics) gauge(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, value))
}

func (m *metrics) gaugeOf(product, name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: namespace, Name: name, Help: help, ConstLabels: prometheus.Labels{"product": product},
	}, value))
}

func histogram(name, help string, buckets []float64) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets})
}

func buildInfo() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "1, with the version as a label.",
		ConstLabels: prometheus.Labels{"version": cli.Version()},
	}, func() float64 { return 1 })
}

func (m *metrics) onReport(r ingest.Result) {
	if r.Dropped > 0 {
		m.samples.WithLabelValues(r.Product, "dropped").Add(float64(r.Dropped))
	}
	if r.Err != nil {
		m.reports.WithLabelValues(r.Product, strconv.Itoa(r.Status)).Inc()
		m.refused.WithLabelValues(r.Product, string(r.Reason)).Inc()
		return
	}
	t := m.taken[r.Product]
	t.last.Store(m.now().UnixMilli())
	t.reports.Inc()
	t.samples.Add(float64(r.Samples))
	if r.Nameless {
		t.nameless.Inc()
	}
}

func (m *metrics) onCommit(c store.Commit) {
	count(m.commits, "committed", c.Err)
	if c.Err != nil {
		return
	}
	m.leftOut.Add(float64(c.LeftOut))
	m.commitSeconds.Observe(c.Duration.Seconds())
	m.commitReports.Observe(float64(c.Reports))
}

func (m *metrics) onRemoved(what string, n int) {
	m.removed.WithLabelValues(what).Add(float64(n))
}

func (m *metrics) onForward(product string, a forward.Attempt) {
	m.forwards.WithLabelValues(product, string(a.Outcome)).Inc()
	m.forwardSamples.WithLabelValues(product, string(a.Outcome)).Add(float64(a.Samples))
}

func (m *metrics) onAsk(err error) { count(m.asks, "answered", err) }

func (m *metrics) onAnswer(o overview.Outcome) { m.answers.WithLabelValues(string(o)).Inc() }

func (m *metrics) onMirrorSync(leftOut int, err error) {
	count(m.mirrorSyncs, "done", err)
	m.daysLeft.Store(int64(leftOut))
}

func (m *metrics) onBackup(err error) {
	count(m.backups, "done", err)
	if err == nil {
		m.lastBackup.Store(m.now().UnixMilli())
	}
}

// onLook takes how many anomalies there are by kind.
func (m *metrics) onLook(found map[anomaly.Kind]int) {
	for _, kind := range anomaly.Kinds() {
		m.anomalies.WithLabelValues(string(kind)).Set(float64(found[kind]))
	}
}

// count counts an outcome: good, or "failed" with an error.
func count(c *prometheus.CounterVec, good string, err error) {
	outcome := good
	if err != nil {
		outcome = "failed"
	}
	c.WithLabelValues(outcome).Inc()
}

// handler answers GET /metrics.
func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
