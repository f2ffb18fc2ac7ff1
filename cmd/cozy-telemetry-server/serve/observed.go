package serve

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/durable"
)

// observeStore adds what is read from the store when it is asked for.
func (m *metrics) observeStore(s *store.Store, maxBytes int64) {
	m.gauge("queue_bytes", "Bytes that wait to be forwarded, as they lie in the file.", func() float64 { return float64(s.Queue().Bytes) })
	m.gauge("queue_max_bytes", "The bound of queue_bytes.", func() float64 { return float64(s.QueueBound()) })
	m.gauge("queue_blocks", "Blocks that wait to be forwarded.", func() float64 { return float64(s.Queue().Blocks) })
	m.gauge("queue_age_seconds", "Age of the oldest report that waits to be forwarded; 0 if none does.", func() float64 {
		if oldest := s.Queue().Oldest; !oldest.IsZero() {
			return m.now().Sub(oldest).Seconds()
		}
		return 0
	})
	m.queueDrops("full", func() int64 { return s.Queue().DroppedSamples })
	m.queueDrops("unreadable", func() int64 { return s.Queue().Unreadable })
	m.gauge("database_bytes", "Size of the used part of the database file.", func() float64 {
		size, err := s.SizeBytes()
		if err != nil {
			return -1
		}
		return float64(size)
	})
	m.gauge("database_max_bytes", "Bound on the size of the database file; 0 if there is none.", func() float64 { return float64(maxBytes) })
}

// observeVolumes adds what is free where the server writes.
func (m *metrics) observeVolumes(reserve int64, folders map[string]string) {
	for of, folder := range folders {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: namespace, Name: "volume_free_bytes",
			Help:        "Free bytes of the volume of the database, the mirror and the backups; -1 if it can't be asked.",
			ConstLabels: prometheus.Labels{"of": of},
		}, func() float64 {
			free, err := durable.Free(folder)
			if err != nil {
				return -1
			}
			return float64(free)
		}))
	}
	m.gauge("volume_reserve_bytes", "With fewer free bytes than that mirror and backups wait; 0 if they never do.", func() float64 { return float64(reserve) })
}

// queueDrops adds a counter of samples that were dropped from the queue.
func (m *metrics) queueDrops(reason string, value func() int64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Namespace: namespace, Name: "queue_dropped_samples_total",
		Help:        "Samples that were dropped from the queue: because it was full, or its block was unreadable.",
		ConstLabels: prometheus.Labels{"reason": reason},
	}, func() float64 { return float64(value()) }))
}
