package httpanswer

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// Register adds an address that is read. It takes every method, so that every answer carries
// the header that lets pages of other sites read it: get answers GET and HEAD.
func Register(e *echo.Echo, path string, get http.HandlerFunc) {
	answer := echo.WrapHandler(resource(get))
	e.Any(path, answer)
	e.RouteNotFound(path, answer)
}
