package main

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"

	"github.com/rs/zerolog"

	"github.com/cozystack/cozystack-telemetry-server/internal/jsonerror"
	"github.com/cozystack/cozystack-telemetry-server/overview/backfill"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// backfillState is what GET /backfill answers.
type backfillState struct {
	Running bool `json:"running"`
	takeover
	// Days are done of Total, Resumed of them before.
	Days    int   `json:"days"`
	Total   int   `json:"total"`
	Resumed int   `json:"resumed"`
	Samples int64 `json:"samples"`
	Skipped int64 `json:"skipped"`
	// SkippedFor counts them by why they were.
	SkippedFor backfill.Skipped `json:"skipped_for,omitempty"`
	// Error is why the last one ended early.
	Error string `json:"error,omitempty"`
}

// backfillLoop takes over from VictoriaMetrics when it is asked to, one at a
// time.
type backfillLoop struct {
	backfiller
	log  zerolog.Logger
	jobs chan takeover

	mu    sync.Mutex
	state backfillState
}

func newBackfillLoop(b backfiller, log zerolog.Logger) *backfillLoop {
	return &backfillLoop{backfiller: b, log: log, jobs: make(chan takeover, 1)}
}

// loop works until ctx ends.
func (b *backfillLoop) loop(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case t := <-b.jobs:
			b.work(ctx, t)
		}
	}
}

func (b *backfillLoop) work(ctx context.Context, t takeover) {
	b.log.Info().Stringer("from", t.From).Stringer("to", t.To).Msg("days are taken over from VictoriaMetrics")
	_, err := b.run(ctx, t, b)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state.Running = false
	if err != nil && ctx.Err() == nil {
		b.state.Error = err.Error()
		b.log.Error().Err(err).Msg("not all days were taken over; ask again to go on")
	}
}

func (b *backfillLoop) onDay(p backfill.Progress) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state.Days, b.state.Total, b.state.Resumed = p.Days, p.Total, p.Resumed
	b.state.Samples, b.state.Skipped = p.Samples, p.Skipped.Total()
	b.state.SkippedFor = p.Skipped
}

func (b *backfillLoop) onMonth(month rollup.MonthID) {
	s := b.current()
	b.log.Info().Stringer("month", month).Int("days", s.Days).Int("total", s.Total).
		Int64("samples", s.Samples).Int64("skipped", s.Skipped).Interface("skipped_for", s.SkippedFor).Msg("a month is taken over")
}

func (b *backfillLoop) onRetry(err error) {
	b.log.Warn().Err(err).Msg("VictoriaMetrics is asked again")
}

func (b *backfillLoop) current() backfillState {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state
}

// begin hands in a job. It reports false while another one runs.
func (b *backfillLoop) begin(t takeover) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state.Running {
		return false
	}
	b.state = backfillState{Running: true, takeover: t, Total: t.days(b.now())}
	b.jobs <- t // has room: the one before has been taken out
	return true
}

// register adds the requests to the private listener.
func (b *backfillLoop) register(mux *http.ServeMux) {
	mux.HandleFunc("GET /backfill", func(w http.ResponseWriter, _ *http.Request) {
		b.answer(w, http.StatusOK)
	})
	mux.HandleFunc("POST /backfill", b.post)
}

func (b *backfillLoop) post(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	t, err := parseTakeover("", q.Get("from"), q.Get("to"), q.Has("again"), b.now())
	switch {
	case err != nil:
		jsonerror.Write(w, http.StatusBadRequest, err.Error())
	case b.url == "":
		jsonerror.Write(w, http.StatusConflict, "the server has no --vmselect-url to take from")
	case !b.begin(t):
		jsonerror.Write(w, http.StatusConflict, "a backfill is running")
	default:
		b.answer(w, http.StatusAccepted)
	}
}

// answer tells how it goes.
func (b *backfillLoop) answer(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if json.NewEncoder(w).Encode(b.current()) != nil {
		b.log.Debug().Msg("an answer was not sent") // the error would name the peer
	}
}
