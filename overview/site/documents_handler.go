package site

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/cozystack/cozystack-telemetry-server/overview/httpanswer"
)

// Register adds the routes of the documents.
func (d *Documents) Register(e *echo.Echo) {
	for path, page := range map[string]func() (*httpanswer.Answer, error){
		"/privacy":  func() (*httpanswer.Answer, error) { return d.privacy, nil },
		"/counting": d.countingNow,
	} {
		httpanswer.Register(e, path, framed(func(w http.ResponseWriter, r *http.Request) {
			a, err := page()
			if err != nil {
				httpanswer.Refuse(w, http.StatusInternalServerError, http.StatusText(http.StatusInternalServerError))
				return
			}
			a.Write(w, r)
		}, nobody))
	}
}
