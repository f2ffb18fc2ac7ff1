package load

import (
	"sync"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/fleet"
)

// job is one report to send.
type job struct {
	cluster fleet.Cluster
	client  fleet.Client
	step    int
	// due is when to send it, from the start; 0 for at once.
	due time.Duration
}

// plan deals out the reports of a fleet in the order of their steps.
type plan struct {
	fleet *fleet.Fleet
	// interval lies between two reports; 0 means none.
	interval time.Duration

	mu          sync.Mutex // held for the rest
	dealt, left int
	step, index int
	client      fleet.Client
}

// next returns the next report to send; ok is false when all were dealt.
func (p *plan) next() (j job, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.left > 0 {
		j := job{p.fleet.Cluster(p.index), p.client, p.step, p.interval * time.Duration(p.dealt)}
		p.advance()
		if j.cluster.Sends(j.client, j.step) {
			p.left--
			p.dealt++
			return j, true
		}
	}
	return job{}, false
}

func (p *plan) advance() {
	if p.client++; p.client < fleet.Clients {
		return
	}
	p.client = 0
	if p.index++; p.index < p.fleet.Len() {
		return
	}
	p.index = 0
	p.step++
}

// skip leaves out the next reports.
func (p *plan) skip(n int) {
	for range n {
		p.left++
		p.next()
	}
	p.dealt = 0
}
