package bench

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/child"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/load"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/victoria"
)

// lab is what the rows share: the sink, and what one row has made and another
// can use.
type lab struct {
	Options
	dir   string
	sink  *sink
	files int

	few       once[ingested]
	many      once[crowd]
	monthFile once[history]
	yearFile  once[history]
	cachedOne once[cachedFigures]
	pageOne   once[pageFigures]
}

func newLab(o Options, dir string) (*lab, error) {
	s, err := startSink()
	return &lab{Options: o, dir: dir, sink: s}, err
}

func (l *lab) close() { l.sink.close() }

func (l *lab) progress(format string, args ...any) {
	if l.Progress != nil {
		fmt.Fprintf(l.Progress, format+"\n", args...)
	}
}

// file returns a new name in the lab's folder.
func (l *lab) file(name string) string {
	l.files++
	return filepath.Join(l.dir, fmt.Sprint(l.files, "-", name))
}

// once keeps what was made, or why it could not be.
type once[T any] struct {
	done bool
	v    T
	err  error
}

func (o *once[T]) get(ctx context.Context, make func(context.Context) (T, error)) (T, error) {
	if !o.done {
		o.v, o.err = make(ctx)
		o.done = true
	}
	return o.v, o.err
}

// run starts a program that serves url, and waits until url+ready answers 200.
func (l *lab) run(ctx context.Context, name, url, ready string, args ...string) (*child.Process, error) {
	return child.Start(ctx, child.Program{Name: name, Args: args, URL: url, Ready: ready, Dir: l.dir, Now: l.Now})
}

// server is a running telemetry server.
type server struct {
	*child.Process
	admin string
}

// serve starts the telemetry server on a file, forwarding to the sink.
func (l *lab) serve(ctx context.Context, db string, flags ...string) (*server, error) {
	public, err := victoria.FreeAddr()
	if err != nil {
		return nil, err
	}
	admin, err := victoria.FreeAddr()
	if err != nil {
		return nil, err
	}
	c, err := l.run(ctx, l.Server, "http://"+public, "/readyz", append([]string{
		"--db-path=" + db, "--snapshot-dir=", "--listen-addr=" + public, "--admin-addr=" + admin,
		"--forward-url=" + l.sink.url + "/api/v1/import/prometheus", "--vmselect-url=", "--apps-url=",
		"--limits=off", "--log-level=error",
	}, flags...)...)
	if err != nil {
		return nil, err
	}
	return &server{c, "http://" + admin}, nil
}

// drained waits until everything is forwarded.
func (s *server) drained(ctx context.Context) error {
	return child.Await(ctx, 50*time.Millisecond, func(ctx context.Context) (bool, error) {
		a, err := child.Get(ctx, s.admin+"/metrics")
		return err == nil && bytes.Contains(a.Body, []byte("\ncozy_telemetry_queue_blocks 0\n")), err
	})
}

// sender posts the reports of a fleet with full payloads, a stretch at a time.
type sender struct {
	lab      *lab
	url      string
	clusters int
	// ordinary sends by an ordinary client of net/http.
	ordinary bool
	// strangers is set for clusters that no file has.
	strangers bool
	sent      int
}

// post sends the next reports. One that is not accepted is an error.
func (s *sender) post(ctx context.Context, conns, count int) (load.Result, error) {
	fleet := steadyFleet(s.clusters)
	if s.strangers {
		fleet.Seed++
	}
	r, err := load.Post(ctx, load.PostOptions{
		URL: s.url, Fleet: fleet, Conns: conns, Count: count, Skip: s.sent, Ordinary: s.ordinary, Now: s.lab.Now,
	})
	s.sent += count
	return r, answered(r, err)
}

// answered returns an error unless every request was answered 200, or 204 as
// vmagent does.
func answered(r load.Result, err error) error {
	if err == nil && r.Codes[200]+r.Codes[204] != r.Requests {
		err = fmt.Errorf("bench: of %d requests, answers were %v, and there were %d errors: %v", r.Requests, r.Codes, r.Errors, r.FirstError)
	}
	return err
}

func median[T int | float64 | time.Duration](v []T) T {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

// ratio returns a divided by b, 0 if that can't be.
func ratio[T int64 | float64 | time.Duration](a, b T) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

func microseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f µs", float64(d)/float64(time.Microsecond))
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
