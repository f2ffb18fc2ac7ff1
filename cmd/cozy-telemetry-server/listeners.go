package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/backup"
	"github.com/cozystack/cozystack-telemetry-server/ingest"
	"github.com/cozystack/cozystack-telemetry-server/internal/jsonerror"
	"github.com/cozystack/cozystack-telemetry-server/overview"
)

// answerTime is how long an answer may take from the end of its request: longer
// than an overview, and than a profile of 30 s.
const answerTime = 40 * time.Second

// listeners are the public and the private address. The private one has what is
// not for the internet.
type listeners struct {
	limits  connectionLimits
	servers []*http.Server
	sockets []net.Listener // the public one first
}

// listen opens the listeners. Nothing is served before listeners.serve.
func (s *server) listen() (*listeners, error) {
	l := &listeners{limits: s.cfg.connections}
	if err := l.add("listen-addr", s.cfg.listenAddr, s.public()); err != nil {
		return nil, err
	}
	l.sockets[0] = s.lobby.Serve(l.servers[0], l.sockets[0])
	if s.cfg.adminAddr == "" {
		return l, nil
	}
	if err := l.add("admin-addr", s.cfg.adminAddr, s.admin()); err != nil {
		return nil, errors.Join(err, l.sockets[0].Close())
	}
	return l, nil
}

func (l *listeners) add(flag, addr string, h http.Handler) error {
	socket, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("--%s: %w; is another server running?", flag, err)
	}
	l.sockets = append(l.sockets, socket)
	l.servers = append(l.servers, &http.Server{
		Handler:           h,
		ReadHeaderTimeout: l.limits.headerTimeout,
		ReadTimeout:       l.limits.bodyTimeout,
		WriteTimeout:      l.limits.bodyTimeout + answerTime,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		// What net/http would log has the peer's address in it.
		ErrorLog: log.New(io.Discard, "", 0),
	})
	return nil
}

// publicURL and adminURL are where the listeners can be reached on this machine.
func (l *listeners) publicURL() string { return localURL(l.sockets[0]) }

// adminURL is empty without a private listener.
func (l *listeners) adminURL() string {
	if len(l.sockets) < 2 {
		return ""
	}
	return localURL(l.sockets[1])
}

func localURL(socket net.Listener) string {
	addr, ok := socket.Addr().(*net.TCPAddr)
	if !ok {
		return socket.Addr().String()
	}
	host := addr.IP.String()
	if addr.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, fmt.Sprint(addr.Port))
}

// serve answers until ctx ends, then lets requests in flight finish.
func (l *listeners) serve(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for i, server := range l.servers {
		group.Go(func() error {
			if err := server.Serve(l.sockets[i]); !errors.Is(err, http.ErrServerClosed) {
				return err
			}
			return nil
		})
		group.Go(func() error {
			<-ctx.Done()
			return shutdown(server)
		})
	}
	return group.Wait()
}

// shutdown ends a server. A connection that is not done in time is cut.
func shutdown(server *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	err := server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return server.Close()
	}
	return err
}

// public has everything that the world may ask.
func (s *server) public() http.Handler {
	e := echo.New()
	e.HTTPErrorHandler = s.httpError
	e.Use(inert, s.recovered, s.admitted)
	s.ingest.Register(e)
	overview.NewHandler(s.overview).Register(e)
	e.GET("/healthz", func(c echo.Context) error { return c.String(http.StatusOK, "ok\n") })
	e.GET("/readyz", s.ready)
	return e
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
		if c.Path() == "/" {
			s.onReport(ingest.Result{Status: http.StatusServiceUnavailable, Err: fmt.Errorf("%w: %w", ingest.ErrBusy, err)})
		}
		header.Set(echo.HeaderAccessControlAllowOrigin, "*") // it may be the overview's
		header.Set(echo.HeaderRetryAfter, "30")
		jsonerror.Write(c.Response(), http.StatusServiceUnavailable, "too many connections, try again later")
		return nil
	}
}

// inert marks every answer as data: a browser that opens it takes it for nothing
// else, runs nothing and loads nothing.
func inert(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		header := c.Response().Header()
		header.Set(echo.HeaderXContentTypeOptions, "nosniff")
		header.Set(echo.HeaderContentSecurityPolicy, "default-src 'none'; frame-ancestors 'none'")
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

// admin has what operators need.
func (s *server) admin() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", s.metrics.handler())
	s.backfill.register(mux)
	mux.Handle(backup.Path, s.backups)
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
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
	jsonerror.Write(c.Response(), status, http.StatusText(status))
}
