package load

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/fleet"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// ErrOptions is returned when options contradict each other.
var ErrOptions = errors.New("load: wrong options")

// PostOptions says what [Post] sends.
type PostOptions struct {
	// URL is the telemetry server's endpoint, such as http://127.0.0.1:8081/.
	URL string
	// Fleet is who sends. Its Steps are ignored: there are as many as the reports
	// need.
	Fleet fleet.Config
	// Conns is how many connections are used at once; 0 means 32.
	Conns int
	// Count is how many reports are sent; 0 means two per cluster. It can't be
	// combined with Rate.
	Count int
	// Skip is how many reports of the fleet were sent before, by an earlier Post:
	// this one goes on behind them.
	Skip int
	// Rate is how many reports are sent a second, over Duration; 0 means as fast
	// as the server answers.
	Rate     float64
	Duration time.Duration
	// Gzip compresses the reports, which real clients do not.
	Gzip bool
	// Ordinary sends by an ordinary client of net/http, not by a leaner one.
	Ordinary bool
	// Now is the clock. It must be set.
	Now func() time.Time
}

// defaultConns is how many connections are used where options do not say.
const defaultConns = 32

// plan returns what the options ask to be sent.
func (o PostOptions) plan() (*plan, error) {
	if o.Conns < 0 || o.Count < 0 || o.Skip < 0 || o.Rate < 0 || o.Fleet.Clusters < 1 {
		return nil, fmt.Errorf("%w: clusters, connections, count and rate must be positive", ErrOptions)
	}
	if (o.Rate > 0) != (o.Duration > 0) || o.Rate > 0 && o.Count > 0 {
		return nil, fmt.Errorf("%w: either a count, or a rate and a duration", ErrOptions)
	}
	perStep := int(fleet.Clients) * o.Fleet.Clusters
	p := &plan{left: cmp.Or(o.Count, perStep)}
	if o.Rate > 0 {
		p.left = max(1, int(o.Rate*o.Duration.Seconds()))
		p.interval = time.Duration(float64(time.Second) / o.Rate)
	}
	o.Fleet.Steps = (o.Skip + p.left + perStep - 1) / perStep
	p.fleet = fleet.New(o.Fleet)
	p.skip(o.Skip)
	return p, nil
}

// Post sends a fleet's reports to a telemetry server and returns what came of
// it. The error is of the options, or that of ctx together with the result so
// far; what servers and networks do is in the result.
func Post(ctx context.Context, o PostOptions) (Result, error) {
	t, err := newTarget(o.URL, o.Gzip)
	if err != nil {
		return Result{}, err
	}
	p, err := o.plan()
	if err != nil {
		return Result{}, err
	}
	start := o.Now()
	sum := newTally(rollup.DateOf(start))
	var wg sync.WaitGroup
	conns := min(cmp.Or(o.Conns, defaultConns), p.left)
	newClient := func() client { return newConn(t) }
	if o.Ordinary {
		shared := newOrdinary(o.URL, o.Gzip, conns)
		newClient = func() client { return shared }
	}
	for range conns {
		s := &sender{plan: p, tally: sum, client: newClient(), pace: pace{o.Now, start}}
		if o.Gzip {
			s.zip = gzip.NewWriter(nil)
		}
		wg.Go(func() { s.run(ctx) })
	}
	wg.Wait()
	return sum.result(o.Now().Sub(start)), ctx.Err()
}

// sender sends reports over one connection.
type sender struct {
	pace
	plan   *plan
	tally  *tally
	client client

	text   []byte
	zip    *gzip.Writer // nil if reports are sent as they are
	zipped bytes.Buffer
}

func (s *sender) run(ctx context.Context) {
	defer s.client.close()
	for {
		j, ok := s.plan.next()
		if !ok {
			return
		}
		began, ok := s.begin(ctx, j.due)
		if !ok {
			return
		}
		status, err := s.client.post(ctx, j.cluster.ID(), s.body(&j))
		if ctx.Err() != nil && err != nil {
			return
		}
		s.tally.add(&j, status, err, s.now().Sub(began))
	}
}

// body returns what to send, valid until the next call.
func (s *sender) body(j *job) []byte {
	s.text = j.cluster.Report(s.text[:0], j.client, j.step)
	if s.zip == nil {
		return s.text
	}
	s.zipped.Reset()
	s.zip.Reset(&s.zipped)
	s.zip.Write(s.text) // a buffer takes everything
	s.zip.Close()
	return s.zipped.Bytes()
}
