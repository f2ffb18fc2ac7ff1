package serve

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/cozystack/cozystack-telemetry-server/ingest"
	"github.com/cozystack/cozystack-telemetry-server/ingest/jsonerror"
	"github.com/cozystack/cozystack-telemetry-server/overview"
)

// public has everything that the world may ask.
func (s *server) public() http.Handler {
	e := echo.New()
	e.HTTPErrorHandler = s.httpError
	e.Use(inert, s.recovered, s.admitted)
	s.registerReports(e)
	s.registerPreviews(e)
	overview.NewHandler(s.overview).Register(e)
	s.site.Register(e)
	s.documents.Register(e)
	e.GET("/healthz", func(c echo.Context) error { return c.String(http.StatusOK, "ok\n") })
	e.GET("/readyz", s.ready)
	return e
}

// registerReports lets each product's clients report where they do. A product that is off
// says so.
func (s *server) registerReports(e *echo.Echo) {
	for path, route := range s.routes {
		if h := s.handlers[route.product]; h != nil {
			e.Match(route.methods, path, echo.WrapHandler(h))
			continue
		}
		text := fmt.Sprintf("this server does not take reports of %s; it takes those of %s", route.product, strings.Join(s.cfg.products.Names(), ", "))
		e.Match(route.methods, path, func(c echo.Context) error {
			jsonerror.Write(c.Response(), http.StatusNotFound, text)
			return nil
		})
	}
}

// admitted lets a request wait for room among the connections, unless it is a
// probe's: those never wait behind clients.
func (s *server) admitted(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		ctx, header := c.Request().Context(), c.Response().Header()
		if path := c.Path(); path != "/healthz" && path != "/readyz" {
			err = s.lobby.Enter(ctx)
		}
		if s.lobby.IsGuest(ctx) {
			header.Set(echo.HeaderConnection, "close")
		}
		if err == nil {
			return next(c)
		}
		if product := s.routes[c.Path()].of(c.Request().Method); s.handlers[product] != nil {
			s.onReport(ingest.Result{
				Product: product, Status: http.StatusServiceUnavailable, Reason: ingest.Busy, Err: fmt.Errorf("%w: %w", ingest.ErrBusy, err),
			})
		}
		header.Set(echo.HeaderAccessControlAllowOrigin, "*") // it may be the overview's
		s.site.Refuse(c.Response(), c.Request(), http.StatusServiceUnavailable, "too many connections, try again later")
		return nil
	}
}

// inert marks every answer as data: a browser that opens it takes it for nothing
// else, runs nothing and loads nothing.
func inert(next echo.HandlerFunc) echo.HandlerFunc {
	// All answers share the values: Set would make them anew for each.
	noSniffing, policy := []string{"nosniff"}, []string{"default-src 'none'; frame-ancestors 'none'"}
	return func(c echo.Context) error {
		header := c.Response().Header()
		header[echo.HeaderXContentTypeOptions], header[echo.HeaderContentSecurityPolicy] = noSniffing, policy
		return next(c)
	}
}

// ready answers whether the file takes commits.
func (s *server) ready(c echo.Context) error {
	ctx, cancel := context.WithTimeout(c.Request().Context(), 5*time.Second)
	defer cancel()
	if err := s.store.Ready(ctx); err != nil {
		return c.String(http.StatusServiceUnavailable, "the database takes no commits\n")
	}
	return c.String(http.StatusOK, "ok\n")
}

// recovered turns a panic of a handler into a 500, so that it costs one request.
func (s *server) recovered(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic: %v", p)
			}
		}()
		return next(c)
	}
}

// httpError answers what no handler did: unknown paths, wrong methods, panics.
func (s *server) httpError(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	status := http.StatusInternalServerError
	var he *echo.HTTPError
	if errors.As(err, &he) {
		status = he.Code
	} else {
		s.log.Error().Err(err).Str("path", c.Path()).Msg("a request failed")
	}
	s.site.Refuse(c.Response(), c.Request(), status, http.StatusText(status))
}
