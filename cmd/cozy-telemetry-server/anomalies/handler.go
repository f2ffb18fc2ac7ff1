package anomalies

import (
	"encoding/json"
	"net/http"

	"github.com/cozystack/cozystack-telemetry-server/ingest/jsonerror"
)

// path is where the private listener answers.
const path = "/anomalies"

// Register adds GET /anomalies to the private listener.
func (w *Watch) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET "+path, w.get)
}

// get looks now and answers what was found.
func (w *Watch) get(rw http.ResponseWriter, r *http.Request) {
	l, err := w.look(r.Context())
	if err != nil {
		if r.Context().Err() == nil {
			w.cfg.Log.Error().Err(err).Msg("the file could not be read for anomalies")
		}
		jsonerror.Write(rw, http.StatusServiceUnavailable, "the file could not be read; the log says why")
		return
	}
	rw.Header().Set("Content-Type", "application/json")
	rw.Header().Set("Cache-Control", "no-store")
	if json.NewEncoder(rw).Encode(l) != nil {
		w.cfg.Log.Debug().Msg("an answer was not sent") // the error would name the peer
	}
}
