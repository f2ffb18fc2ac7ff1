package others

import (
	"encoding/json"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/http"
	"time"
)

// The products, as the server names them.
const (
	Synapse   = "synapse"
	Coroot    = "coroot"
	KubeAtlas = "kubeatlas"
)

const (
	// Canary is in all texts that must be nowhere: names of homeservers, contexts, paths,
	// namespaces, profiles, and whatever a user has named.
	Canary = "canary"
	// Digits begin all nonces and ids of browsers, in hexadecimal.
	Digits = "badc0ffe"
)

// Config describes the fleet of one product.
type Config struct {
	Product string
	Seed    uint64
	// Count is how many installations there are over all time.
	Count int
	// From and To bound the time that is simulated; nothing is sent at To or later.
	From, To time.Time
	// Every is the time between two reports, if it is longer than the client's own.
	Every time.Duration
}

// Report is one request of a client.
type Report struct {
	Product string
	// Sender numbers the installation in its fleet.
	Sender int
	At     time.Time
	Method string
	Path   string
	Header http.Header
	Body   []byte

	state state
}

// state is what an installation was when it reported.
type state interface {
	// unit names what counts as one in a figure; "" for none.
	unit() string
	// tell tells what was reported.
	tell(s *seen, at time.Time)
}

// request is what a client sends in a state.
type request struct {
	state  state
	method string
	path   string
	agent  string
	typed  bool // has a Content-Type
	body   map[string]any
}

// Reports yields what one installation sends, in the order of time.
func (c Config) Reports(sender int) iter.Seq[Report] {
	return func(yield func(Report) bool) {
		if !c.From.Before(c.To) {
			return
		}
		d := draw{rand.New(rand.NewPCG(c.Seed, uint64(sender)))}
		life := c.live(d)
		for life.next() {
			r, err := c.report(sender, life.at, life.send())
			if err != nil {
				panic(err) // maps of texts and numbers
			}
			if !yield(r) || life.repeats() && !yield(r) {
				return
			}
		}
	}
}

// All yields what all installations send, one after the other.
func (c Config) All() iter.Seq[Report] {
	return func(yield func(Report) bool) {
		for i := range c.Count {
			for r := range c.Reports(i) {
				if !yield(r) {
					return
				}
			}
		}
	}
}

func (c Config) report(sender int, at time.Time, r request) (Report, error) {
	body, err := json.Marshal(r.body)
	if err != nil {
		return Report{}, fmt.Errorf("others: a report of %s: %w", c.Product, err)
	}
	header := make(http.Header)
	header.Set("User-Agent", r.agent) // empty: none is sent
	if r.typed {
		header.Set("Content-Type", "application/json")
	}
	return Report{
		Product: c.Product, Sender: sender, At: at, Method: r.method, Path: r.path, Header: header, Body: body, state: r.state,
	}, nil
}
