package serve

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/cozystack/cozystack-telemetry-server/ingest"
	"github.com/cozystack/cozystack-telemetry-server/ingest/jsonerror"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// registerPreviews lets anybody see what would come of a report, of any product that is on.
func (s *server) registerPreviews(e *echo.Echo) {
	previews := make(map[string]*ingest.Previewer)
	for product, handler := range s.handlers {
		previews[product] = handler.Previewer()
	}
	e.POST("/api/preview", func(c echo.Context) error {
		product := cmp.Or(c.QueryParam("product"), rollup.Cozystack)
		if p := previews[product]; p != nil {
			p.ServeHTTP(c.Response(), c.Request())
			return nil
		}
		jsonerror.Write(c.Response(), http.StatusNotFound, fmt.Sprintf("this server does not take reports of that product; it takes those of %s", strings.Join(s.cfg.products.Names(), ", ")))
		return nil
	})
}
