package attack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/fleet"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/load"
)

// The fleets' seeds.
const (
	honestSeed   = 1
	newcomerSeed = 2
)

// round is how long all of a fleet's clusters take to report once, a thirtieth of what real
// ones take.
const round = 30 * time.Second

// honestConns is how many reports of a fleet may be under way, each with a connection of
// its own.
const honestConns = 32

// crowd is an honest fleet: what its clusters report, again and again the same, and what
// a server must show of it.
type crowd struct {
	messages []load.Message
	figures  Figures
}

// newCrowd returns a fleet of which two clusters each are behind one NAT. block is the
// first number of their addresses.
func newCrowd(seed uint64, clusters, block int) crowd {
	f := fleet.New(fleet.Config{Seed: seed, Clusters: clusters})
	var c crowd
	var truth fleet.Truth
	for i := range f.Len() {
		cluster := f.Cluster(i)
		for client := range fleet.Clients {
			if !cluster.Sends(client, 0) {
				continue
			}
			c.messages = append(c.messages, load.Message{
				Cluster: cluster.ID(), From: natOf(block, i/2), Body: cluster.Report(nil, client, 0),
			})
			truth.Add(&cluster, client, 0, 1)
		}
	}
	t := truth.Figures("")
	c.figures = Figures{Clusters: t.Clusters, Nodes: t.TotalNodes, Tenants: t.TotalTenants, Apps: t.Apps}
	return c
}

// natOf is an address of its own network, and of its own region up to 10 000 of them.
func natOf(block, n int) string { return fmt.Sprintf("%d.%d.7.1", block+n%40, n/40%250) }

// once sends each report once.
func (c crowd) once(ctx context.Context, url string, every time.Duration, now func() time.Time) (load.Result, error) {
	return load.Send(ctx, load.SendOptions{URL: url, Conns: honestConns, Every: every, Now: now, Next: func(n int) (load.Message, bool) {
		if n >= len(c.messages) {
			return load.Message{}, false
		}
		return c.messages[n], true
	}})
}

// goOn reports until ctx is done.
func (c crowd) goOn(ctx context.Context, url string, now func() time.Time) (load.Result, error) {
	r, err := load.Send(ctx, load.SendOptions{
		URL: url, Conns: honestConns, Every: round / time.Duration(len(c.messages)), Now: now,
		Next: func(n int) (load.Message, bool) { return c.messages[n%len(c.messages)], true },
	})
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return r, err
}

// all tells whether each was taken.
func all(r load.Result) bool { return r.Errors == 0 && r.Codes[http.StatusOK] == r.Requests }
