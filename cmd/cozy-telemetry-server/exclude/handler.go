package exclude

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/rs/zerolog"

	"github.com/cozystack/cozystack-telemetry-server/ingest/jsonerror"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// maxRequest bounds a request: some hundred thousand clusters by name.
const maxRequest = 8 << 20

// listing is what GET /exclude answers.
type listing struct {
	Excluded []rollup.Exclusion `json:"excluded"`
}

// Register adds GET and POST /exclude and POST /include to the private listener.
func (e *Excluder) Register(mux *http.ServeMux, log zerolog.Logger) {
	mux.HandleFunc("GET /exclude", func(w http.ResponseWriter, _ *http.Request) {
		all, err := e.Store.Excluded()
		if err != nil {
			log.Error().Err(err).Msg("what is excluded can't be read")
			jsonerror.Write(w, http.StatusInternalServerError, "what is excluded can't be read")
			return
		}
		answer(w, listing{append([]rollup.Exclusion{}, all...)})
	})
	for path, include := range map[string]bool{"POST /exclude": false, "POST /include": true} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { e.post(w, r, include, log) })
	}
}

func (e *Excluder) post(w http.ResponseWriter, r *http.Request, include bool, log zerolog.Logger) {
	var request Request
	body := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest))
	body.DisallowUnknownFields()
	if err := body.Decode(&request); err != nil {
		jsonerror.Write(w, http.StatusBadRequest, "the body is no request: "+err.Error())
		return
	}
	result, err := e.run(r.Context(), request, include)
	switch {
	case errors.As(err, new(usage)):
		jsonerror.Write(w, http.StatusBadRequest, err.Error())
		return
	case err != nil:
		log.Error().Err(err).Msg("clusters could not be excluded or included; ask again")
		jsonerror.Write(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	if result.Applied {
		log.Warn().Bool("include", include).Int("clusters", result.Count).Int("excluded", result.Excluded).
			Int("months", len(result.Months)).Msg("the figures leave out other clusters than before")
	}
	answer(w, result)
}

// answer writes JSON. Nobody is left to tell of a connection that broke.
func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(v)
}
