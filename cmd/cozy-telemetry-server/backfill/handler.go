package backfill

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"

	"github.com/rs/zerolog"

	"github.com/cozystack/cozystack-telemetry-server/ingest/jsonerror"
	"github.com/cozystack/cozystack-telemetry-server/overview/backfill"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// state is what GET /backfill answers.
type state struct {
	Running bool `json:"running"`
	Months
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

// Loop takes over from VictoriaMetrics when it is asked to, one at a time: Register adds
// where it is asked, and Run, called once, does the work.
type Loop struct {
	Filler
	log  zerolog.Logger
	jobs chan Months

	mu    sync.Mutex
	state state
}

// NewLoop returns a loop that has nothing to do until it is asked.
func NewLoop(b Filler, log zerolog.Logger) *Loop {
	return &Loop{Filler: b, log: log, jobs: make(chan Months, 1)}
}

// Run works until ctx ends. A job in the middle of which it ends may be asked for again.
func (b *Loop) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case t := <-b.jobs:
			b.work(ctx, t)
		}
	}
}

func (b *Loop) work(ctx context.Context, t Months) {
	b.log.Info().Stringer("from", t.From).Stringer("to", t.To).Msg("days are taken over from VictoriaMetrics")
	_, err := b.fill(ctx, t, b)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state.Running = false
	if err != nil && ctx.Err() == nil {
		b.state.Error = err.Error()
		b.log.Error().Err(err).Msg("not all days were taken over; ask again to go on")
	}
}

func (b *Loop) onDay(p backfill.Progress) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state.Days, b.state.Total, b.state.Resumed = p.Days, p.Total, p.Resumed
	b.state.Samples, b.state.Skipped = p.Samples, p.Skipped.Total()
	b.state.SkippedFor = p.Skipped
}

func (b *Loop) onMonth(month rollup.MonthID) {
	s := b.current()
	b.log.Info().Stringer("month", month).Int("days", s.Days).Int("total", s.Total).
		Int64("samples", s.Samples).Int64("skipped", s.Skipped).Interface("skipped_for", s.SkippedFor).Msg("a month is taken over")
}

func (b *Loop) onRetry(err error) {
	b.log.Warn().Err(err).Msg("VictoriaMetrics is asked again")
}

func (b *Loop) current() state {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state
}

// begin hands in a job. It reports false while another one runs.
func (b *Loop) begin(t Months) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state.Running {
		return false
	}
	b.state = state{Running: true, Months: t, Total: t.days(b.Now())}
	b.jobs <- t // has room: the one before has been taken out
	return true
}

// Register adds GET and POST /backfill to the private listener.
func (b *Loop) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET /backfill", func(w http.ResponseWriter, _ *http.Request) {
		b.answer(w, http.StatusOK)
	})
	mux.HandleFunc("POST /backfill", b.post)
}

func (b *Loop) post(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	t, err := parseMonths("", q.Get("from"), q.Get("to"), q.Has("again"), b.Now())
	switch {
	case err != nil:
		jsonerror.Write(w, http.StatusBadRequest, err.Error())
	case b.URL == "":
		jsonerror.Write(w, http.StatusConflict, "the server has no --vmselect-url to take from")
	case !b.begin(t):
		jsonerror.Write(w, http.StatusConflict, "a backfill is running")
	default:
		b.answer(w, http.StatusAccepted)
	}
}

// answer tells how it goes.
func (b *Loop) answer(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if json.NewEncoder(w).Encode(b.current()) != nil {
		b.log.Debug().Msg("an answer was not sent") // the error would name the peer
	}
}
