package serve

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

	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/backup"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/operator"
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
	if err := l.add("admin-addr", s.cfg.adminAddr, s.admin(l.publicURL())); err != nil {
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
		Handler:           unambiguous(h),
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

// unambiguous closes the connection of a request in chunks. One that has a length as
// well ends elsewhere for a proxy that goes by that, so that what follows may be
// smuggled. Package http hides the length; clients send lengths alone.
func unambiguous(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TransferEncoding) > 0 {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
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
	return "http://" + cli.OnThisMachine(socket.Addr().String())
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

// admin has what operators need, for those who may. public is where the public listener is.
func (s *server) admin(public string) http.Handler {
	mux := http.NewServeMux()
	s.operator.Register(mux, func(ctx context.Context) (operator.Page, error) { return s.operatorPage(ctx, public) })
	mux.Handle("GET /metrics", s.metrics.handler())
	s.backfill.Register(mux)
	s.forget.Register(mux)
	s.anomalies.Register(mux)
	s.excluder.Register(mux, s.log)
	mux.Handle(backup.Path, s.backups)
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return s.guard.Protect(mux)
}
