package overview

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/cozystack/cozystack-telemetry-server/overview/httpanswer"
)

// Handler serves GET /api/overview.
type Handler struct{ overview *Overview }

// NewHandler returns the handler of an Overview.
func NewHandler(o *Overview) *Handler { return &Handler{o} }

// Register adds the route.
func (h *Handler) Register(e *echo.Echo) { httpanswer.Register(e, "/api/overview", h.get) }

func (h *Handler) get(w http.ResponseWriter, r *http.Request) {
	q, err := h.overview.ParseQuestion(r.URL.Query())
	var a *Answer
	if err == nil {
		a, err = h.overview.Ask(r.Context(), q)
	}
	if err != nil {
		httpanswer.Refuse(w, StatusOf(err), TextOf(err, q.Month.String()))
		return
	}
	a.Write(w, r)
}
