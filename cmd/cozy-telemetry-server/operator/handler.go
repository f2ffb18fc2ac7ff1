package operator

import (
	"context"
	"net/http"

	"github.com/cozystack/cozystack-telemetry-server/ingest/jsonerror"
)

// policy lets the page have its style, and nothing else.
const policy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Register adds the page to the private listener. now returns what it shows; its error is the
// caller's to log. Several may ask at once.
func (r *Renderer) Register(mux *http.ServeMux, now func(context.Context) (Page, error)) {
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, req *http.Request) {
		page, err := now(req.Context())
		var text []byte
		if err == nil {
			text, err = r.Render(page)
		}
		if err != nil {
			jsonerror.Write(w, http.StatusServiceUnavailable, "the page could not be made; the log says why")
			return
		}
		send(w, "text/html; charset=utf-8", text)
	})
	mux.HandleFunc("GET /style.css", func(w http.ResponseWriter, _ *http.Request) {
		send(w, "text/css; charset=utf-8", r.style)
	})
}

func send(w http.ResponseWriter, contentType string, text []byte) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", contentType)
	_, _ = w.Write(text) // nobody is left to tell
}
