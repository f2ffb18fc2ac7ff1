// Package victoria starts a real single-node VictoriaMetrics on this machine, for
// tests and for measuring beside it. Debian's package victoria-metrics has the
// binary.
package victoria

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"syscall"
	"time"
)

const (
	// readyTime is how long a start may take.
	readyTime = 30 * time.Second
	// askEvery is how often it is asked meanwhile, which takes some tenths of a second.
	askEvery = 20 * time.Millisecond
)

// Server is a running VictoriaMetrics. Its data outlives it.
type Server struct {
	// URL is its base, such as http://127.0.0.1:12345.
	URL string

	cmd    *exec.Cmd
	exited chan struct{}
}

// Start starts the server on addr, or on a free port of 127.0.0.1 where addr is
// empty, with its data in the folder dir, and waits until it answers. It keeps
// samples of the last 24 months, and shows them as soon as they are flushed.
func Start(ctx context.Context, dir, addr string, args ...string) (*Server, error) {
	if addr == "" {
		var err error
		if addr, err = FreeAddr(); err != nil {
			return nil, err
		}
	}
	args = append([]string{
		"-storageDataPath=" + dir, "-httpListenAddr=" + addr, "-retentionPeriod=24",
		"-search.latencyOffset=0s", "-loggerLevel=ERROR",
	}, args...)
	s := &Server{URL: "http://" + addr, cmd: exec.Command("victoria-metrics", args...), exited: make(chan struct{})}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("victoria: %w; install Debian's package victoria-metrics", err)
	}
	go func() {
		_ = s.cmd.Wait() // it is killed in the end, always
		close(s.exited)
	}()
	if err := s.ready(ctx); err != nil {
		s.Kill()
		return nil, err
	}
	return s, nil
}

// FreeAddr returns an address of 127.0.0.1 that was free a moment ago.
func FreeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("victoria: %w", err)
	}
	return l.Addr().String(), l.Close()
}

func (s *Server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	for {
		if s.get(ctx, "/health") == nil {
			return nil
		}
		select {
		case <-s.exited:
			return errors.New("victoria: it ended at its start")
		case <-ctx.Done():
			return fmt.Errorf("victoria: it does not answer: %w", ctx.Err())
		case <-time.After(askEvery):
		}
	}
}

// Flush makes what was imported visible to queries.
func (s *Server) Flush(ctx context.Context) error { return s.get(ctx, "/internal/force_flush") }

func (s *Server) get(ctx context.Context, path string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+path, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("victoria: %s answers %s", path, resp.Status)
	}
	return nil
}

// PID returns the id of the process, whose use of processor and memory can be
// read from /proc.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Signal sends a signal, such as SIGSTOP.
func (s *Server) Signal(sig syscall.Signal) error { return s.cmd.Process.Signal(sig) }

// Stop lets the server write what it has in memory, and waits until it is gone.
func (s *Server) Stop() {
	_ = s.Signal(syscall.SIGTERM) // an error means that it is gone
	<-s.exited
}

// Kill ends the server at once and waits until it is gone. A second Kill does
// nothing.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill() // an error means that it is gone
	<-s.exited
}
