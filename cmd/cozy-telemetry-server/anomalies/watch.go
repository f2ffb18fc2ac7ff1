// Package anomalies looks for what no ordinary fleet does. The rules are those of
// overview/anomaly. A running server looks each hour (watch.go), with what it has counted
// of its traffic (tally.go), and when somebody asks (handler.go). [Command] is what a user
// calls it by (command.go): on a file, or asking a server (ask.go); text.go prints.
package anomalies

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"github.com/cozystack/cozystack-telemetry-server/overview/anomaly"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// lookEvery is how often a running server looks.
const lookEvery = time.Hour

// Look is what one look has found.
type Look struct {
	LookedAt time.Time `json:"looked_at"`
	// Day is the newest day with a report; empty without any.
	Day      string            `json:"day,omitempty"`
	Findings []anomaly.Finding `json:"findings"`
}

// look looks at a file, and at what was counted.
func look(ctx context.Context, s anomaly.Store, traffic anomaly.Traffic, now time.Time) (Look, error) {
	facts, err := anomaly.Gather(ctx, s, rollup.DateOf(now))
	if err != nil {
		return Look{}, err
	}
	facts.Traffic = traffic
	l := Look{LookedAt: now.UTC().Truncate(time.Second), Findings: append([]anomaly.Finding{}, anomaly.Find(facts)...)}
	if len(facts.Months) > 0 {
		l.Day = facts.Today.String()
	}
	return l, nil
}

// Config says what a Watch tells, and to whom. All of it is required.
type Config struct {
	Now func() time.Time
	Log zerolog.Logger
	// OnLook is told how many findings of each kind there are, by several goroutines,
	// one at a time.
	OnLook func(map[anomaly.Kind]int)
}

// Watch looks at the file of a running server. Its methods may be called by several
// goroutines, Run by one.
type Watch struct {
	cfg   Config
	store anomaly.Store
	tally *Tally

	turn  chan struct{}   // has room for one who looks, and owns known
	known map[string]bool // the keys of what the last look has found
}

// NewWatch returns a watch that has not looked yet.
func NewWatch(s anomaly.Store, t *Tally, cfg Config) *Watch {
	return &Watch{cfg: cfg, store: s, tally: t, turn: make(chan struct{}, 1)}
}

// Run looks at once and then each hour, until ctx ends.
func (w *Watch) Run(ctx context.Context) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		if _, err := w.look(ctx); err != nil && ctx.Err() == nil {
			w.cfg.Log.Error().Err(err).Msg("nobody knows whether there are anomalies: the file could not be read")
		}
		select {
		case <-ticker.C:
			w.tally.nextHour(w.cfg.Now())
		case <-ctx.Done():
			return
		}
	}
}

// look looks, and tells what has changed. One looks at a time: it is work for all
// processors.
func (w *Watch) look(ctx context.Context) (Look, error) {
	select {
	case w.turn <- struct{}{}:
		defer func() { <-w.turn }()
	case <-ctx.Done():
		return Look{}, ctx.Err()
	}
	now := w.cfg.Now()
	l, err := look(ctx, w.store, w.tally.traffic(now), now)
	if err != nil {
		return Look{}, err
	}
	counts := make(map[anomaly.Kind]int)
	for _, f := range l.Findings {
		counts[f.Kind]++
	}
	w.cfg.OnLook(counts)
	w.tell(l.Findings)
	return l, nil
}

// tell logs one line if there is something new, and one if something is gone. No id is in
// them.
func (w *Watch) tell(findings []anomaly.Finding) {
	known, before := make(map[string]bool), w.known
	var news []string
	for _, f := range findings {
		if key := f.Key(); !known[key] {
			known[key] = true
			if !before[key] {
				news = append(news, string(f.Kind)+" "+f.When+": "+f.What)
			}
		}
	}
	gone := 0
	for key := range before {
		if !known[key] {
			gone++
		}
	}
	w.known = known
	if len(news) > 0 {
		w.cfg.Log.Warn().Strs("found", news).Int("all", len(known)).
			Msg("there are anomalies; cozy-telemetry-server anomalies names clusters, and what to do")
	}
	if gone > 0 {
		w.cfg.Log.Info().Int("gone", gone).Int("all", len(known)).Msg("anomalies are gone")
	}
}
