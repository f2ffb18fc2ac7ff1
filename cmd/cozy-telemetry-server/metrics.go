package main

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/cozystack/cozystack-telemetry-server/ingest"
	"github.com/cozystack/cozystack-telemetry-server/store"
)

// namespace is the prefix of the server's own metrics.
const namespace = "cozy_telemetry"

// metrics are what the server says of itself. README.md has a table of them. No
// label grows with the number of clusters.
type metrics struct {
	registry *prometheus.Registry

	reports        *prometheus.CounterVec
	samples        *prometheus.CounterVec
	commits        *prometheus.CounterVec
	commitSeconds  prometheus.Histogram
	commitReports  prometheus.Histogram
	forwards       *prometheus.CounterVec
	forwardSamples *prometheus.CounterVec
}

func newMetrics() *metrics {
	m := &metrics{
		registry:       prometheus.NewRegistry(),
		reports:        counter("reports_total", "Reports by the HTTP status of their answer.", "code"),
		samples:        counter("samples_total", "Samples of accepted reports: stored, or dropped for their metric's name.", "outcome"),
		commits:        counter("commits_total", "Transactions of the database file.", "outcome"),
		commitSeconds:  histogram("commit_duration_seconds", "How long transactions took, disk included.", prometheus.ExponentialBuckets(0.0001, 2, 16)),
		commitReports:  histogram("commit_reports", "How many reports a transaction recorded.", prometheus.ExponentialBuckets(1, 2, 10)),
		forwards:       counter("forward_requests_total", "Requests to the receiver, by outcome.", "outcome"),
		forwardSamples: counter("forward_samples_total", "Samples that left the queue, by outcome.", "outcome"),
	}
	m.registry.MustRegister(m.reports, m.samples, m.commits, m.commitSeconds, m.commitReports,
		m.forwards, m.forwardSamples, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), buildInfo())
	return m
}

func counter(name, help, label string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, []string{label})
}

func histogram(name, help string, buckets []float64) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets})
}

func buildInfo() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "1, with the version as a label.",
		ConstLabels: prometheus.Labels{"version": version()},
	}, func() float64 { return 1 })
}

// observeStore adds what is read from the store when it is asked for.
func (m *metrics) observeStore(s *store.Store, now func() time.Time) {
	gauge := func(name, help string, value func() float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, value))
	}
	dropped := func(name, help string, value func() float64) {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, value))
	}
	gauge("queue_bytes", "Bytes that wait to be forwarded, as they lie in the file.", func() float64 { return float64(s.Queue().Bytes) })
	gauge("queue_blocks", "Blocks that wait to be forwarded.", func() float64 { return float64(s.Queue().Blocks) })
	gauge("queue_age_seconds", "Age of the oldest report that waits to be forwarded; 0 if none does.", func() float64 {
		if oldest := s.Queue().Oldest; !oldest.IsZero() {
			return now().Sub(oldest).Seconds()
		}
		return 0
	})
	dropped("queue_dropped_samples_total", "Samples that were dropped because the queue was full.", func() float64 { return float64(s.Queue().DroppedSamples) })
	gauge("database_bytes", "Size of the used part of the database file.", func() float64 {
		size, err := s.SizeBytes()
		if err != nil {
			return -1
		}
		return float64(size)
	})
}

func (m *metrics) onReport(r ingest.Result) {
	m.reports.WithLabelValues(strconv.Itoa(r.Status)).Inc()
	m.samples.WithLabelValues("dropped").Add(float64(r.Dropped))
	if r.Err == nil {
		m.samples.WithLabelValues("stored").Add(float64(r.Samples))
	}
}

func (m *metrics) onCommit(c store.Commit) {
	if c.Err != nil {
		m.commits.WithLabelValues("failed").Inc()
		return
	}
	m.commits.WithLabelValues("committed").Inc()
	m.commitSeconds.Observe(c.Duration.Seconds())
	m.commitReports.Observe(float64(c.Reports))
}

func (m *metrics) onForward(a ingest.Attempt) {
	m.forwards.WithLabelValues(string(a.Outcome)).Inc()
	m.forwardSamples.WithLabelValues(string(a.Outcome)).Add(float64(a.Samples))
}

// handler answers GET /metrics.
func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
