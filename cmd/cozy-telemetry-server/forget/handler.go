package forget

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"

	"github.com/rs/zerolog"

	"github.com/cozystack/cozystack-telemetry-server/ingest/jsonerror"
	"github.com/cozystack/cozystack-telemetry-server/overview"
	"github.com/cozystack/cozystack-telemetry-server/overview/mirror"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Path is where the private listener is asked to forget.
const Path = "/forget"

// maxBody bounds a request: some hundred thousand ids.
const maxBody = 16 << 20

// state is what GET /forget answers.
type state struct {
	Running bool `json:"running"`
	// Done of Total is how far the file is made anew, in months.
	Done  int64 `json:"done"`
	Total int64 `json:"total"`
	Result
	// Error is why the last one failed.
	Error string `json:"error,omitempty"`
}

// Config is what a Loop works on. All but Mirror are required.
type Config struct {
	Store    *store.Store
	Mirror   *mirror.Mirror // nil: none
	Overview *overview.Overview
	Log      zerolog.Logger
}

// Loop forgets when it is asked to, one request at a time: Register adds where it is
// asked, and Run, called once, does the work.
type Loop struct {
	cfg  Config
	jobs chan rollup.Selection

	mu    sync.Mutex
	state state
}

// NewLoop returns a loop that has nothing to do until it is asked.
func NewLoop(cfg Config) *Loop { return &Loop{cfg: cfg, jobs: make(chan rollup.Selection, 1)} }

// Run works until ctx ends. A job in the middle of which it ends has either been done in
// the file or not at all, and may be asked for again.
func (l *Loop) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case sel := <-l.jobs:
			l.work(ctx, sel)
		}
	}
}

func (l *Loop) work(ctx context.Context, sel rollup.Selection) {
	l.cfg.Log.Info().Str("product", sel.Product).Int("instances", len(sel.Instances)).Msg("instances are being forgotten")
	result, err := l.forget(ctx, sel)
	l.change(func(s *state) {
		s.Running, s.Result = false, result
		if err != nil {
			s.Error = err.Error()
		}
	})
	if err != nil {
		l.cfg.Log.Error().Err(err).Int("records", result.Records).Msg("not all was forgotten; ask again")
		return
	}
	l.cfg.Log.Info().Str("product", sel.Product).Int("instances", result.Instances).Int("records", result.Records).Int("lines", result.Lines).
		Int("mirror_lines", result.MirrorLines).Int64("paused_ms", result.PausedMS).Msg("instances were forgotten")
}

// forget removes a selection from the file and then from what is made of it.
func (l *Loop) forget(ctx context.Context, sel rollup.Selection) (result Result, err error) {
	found, paused, err := l.cfg.Store.Forget(ctx, sel, func(done, total int64) {
		l.change(func(s *state) { s.Done, s.Total = done, total })
	})
	result.Found, result.PausedMS = found, paused.Milliseconds()
	if err != nil {
		return result, err
	}
	l.cfg.Overview.Forget()
	if l.cfg.Mirror != nil {
		result.MirrorLines, err = l.cfg.Mirror.Forget(ctx, sel)
	}
	return result, err
}

func (l *Loop) change(set func(s *state)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	set(&l.state)
}

// begin hands in a job. It reports false while another one runs.
func (l *Loop) begin(sel rollup.Selection) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state.Running {
		return false
	}
	l.state = state{Running: true}
	l.jobs <- sel // has room: the one before has been taken out
	return true
}

// Register adds GET and POST /forget to the private listener.
func (l *Loop) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET "+Path, func(w http.ResponseWriter, _ *http.Request) { l.answer(w, http.StatusOK) })
	mux.HandleFunc("POST "+Path, l.post)
}

func (l *Loop) post(w http.ResponseWriter, r *http.Request) {
	var asked Request
	body := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	body.DisallowUnknownFields() // a name that is mistyped could mean more than is meant
	err := body.Decode(&asked)
	var sel rollup.Selection
	if err == nil {
		sel, err = asked.selection(func() ([]byte, error) { return keyOf(r.Context(), l.cfg.Store) })
	}
	switch {
	case err != nil:
		jsonerror.Write(w, http.StatusBadRequest, err.Error())
	case asked.DryRun:
		l.survey(w, r, sel)
	case !l.begin(sel):
		jsonerror.Write(w, http.StatusConflict, "instances are being forgotten already")
	default:
		l.answer(w, http.StatusAccepted)
	}
}

// survey answers what there is.
func (l *Loop) survey(w http.ResponseWriter, r *http.Request, sel rollup.Selection) {
	found, err := l.cfg.Store.Survey(r.Context(), sel)
	if err != nil {
		jsonerror.Write(w, http.StatusConflict, err.Error())
		return
	}
	l.write(w, http.StatusOK, state{Result: Result{Found: found}})
}

// answer tells how it goes.
func (l *Loop) answer(w http.ResponseWriter, status int) {
	l.mu.Lock()
	now := l.state
	l.mu.Unlock()
	l.write(w, status, now)
}

func (l *Loop) write(w http.ResponseWriter, status int, s state) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if json.NewEncoder(w).Encode(s) != nil {
		l.cfg.Log.Debug().Msg("an answer was not sent") // the error would name the peer
	}
}
