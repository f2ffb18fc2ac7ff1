package load

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/fleet"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/others"
)

// PostOthersOptions says what [PostOthers] sends.
type PostOthersOptions struct {
	// URL is the telemetry server's endpoint; the products' paths are those below its host.
	URL string
	// Products says how many installations of which products send.
	Products map[string]int
	Seed     uint64
	// Reports is how many reports each of them sends; 0 means two.
	Reports int
	// Conns is how many connections are used at once; 0 means 32.
	Conns int
	// Now is the clock. It must be set.
	Now func() time.Time
}

// PostOthersResult is what came of it.
type PostOthersResult struct {
	// Codes counts answers by product and status, Errors the requests without one.
	Codes  map[string]map[int]int
	Errors int
	// Truth is of the reports that were answered 200, as of when they were sent.
	Truth map[string]*others.Truth

	began time.Time
}

// OK tells whether each report was answered 200.
func (r PostOthersResult) OK() bool {
	for _, codes := range r.Codes {
		if codes[http.StatusOK] == 0 || len(codes) > 1 {
			return false
		}
	}
	return r.Errors == 0
}

// WriteTo prints the answers, a line for each product.
func (r PostOthersResult) WriteTo(w io.Writer) (int64, error) {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(r.Codes)) {
		fmt.Fprintf(&text, "%-9s", name)
		for _, code := range slices.Sorted(maps.Keys(r.Codes[name])) {
			fmt.Fprintf(&text, " %d: %d", code, r.Codes[name][code])
		}
		fmt.Fprintln(&text)
	}
	if r.Errors > 0 {
		fmt.Fprintf(&text, "errors    %d of these\n", r.Errors)
	}
	n, err := io.WriteString(w, text.String())
	return int64(n), err
}

// PostTruth is what the month of a server must show that was empty before.
type PostTruth struct {
	fleet.Figures
	Products map[string]others.Figures `json:"products,omitempty"`
}

// With returns the truth of clusters, and of what was sent beside them in that month.
func (r PostOthersResult) With(clusters fleet.Figures) PostTruth {
	t := PostTruth{clusters, make(map[string]others.Figures)}
	for name, truth := range r.Truth {
		t.Products[name] = truth.Figures(r.began, r.began)
	}
	return t
}

// PostOthers sends reports of other products to a telemetry server as their clients do, as
// fast as it answers: those of one installation one after the other.
func PostOthers(ctx context.Context, o PostOthersOptions) (PostOthersResult, error) {
	base, err := url.Parse(o.URL)
	if err != nil || base.Host == "" {
		return PostOthersResult{}, fmt.Errorf("%w: %q", ErrURL, o.URL)
	}
	conns := cmp.Or(o.Conns, defaultConns)
	p := &othersPoster{
		PostOthersOptions: o, base: base,
		transport: &http.Transport{MaxIdleConnsPerHost: conns},
		result:    PostOthersResult{Codes: make(map[string]map[int]int), Truth: make(map[string]*others.Truth)},
	}
	defer p.transport.CloseIdleConnections()
	var senders []sendingInstallation
	now := o.Now()
	p.result.began = now
	for name, count := range o.Products {
		p.result.Codes[name], p.result.Truth[name] = make(map[int]int), new(others.Truth)
		fleet := others.Config{Product: name, Seed: o.Seed, Count: count, From: now, To: now.AddDate(0, 1, 0)}
		for i := range count {
			senders = append(senders, sendingInstallation{fleet, i})
		}
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range conns {
		wg.Go(func() {
			for i := next.Add(1) - 1; int(i) < len(senders) && ctx.Err() == nil; i = next.Add(1) - 1 {
				p.send(ctx, senders[i])
			}
		})
	}
	wg.Wait()
	return p.result, ctx.Err()
}

// sendingInstallation is one of a fleet.
type sendingInstallation struct {
	fleet  others.Config
	sender int
}

type othersPoster struct {
	PostOthersOptions
	base      *url.URL
	transport *http.Transport

	mu     sync.Mutex // held for the rest
	result PostOthersResult
}

// send sends the first reports of an installation.
func (p *othersPoster) send(ctx context.Context, s sendingInstallation) {
	left := cmp.Or(p.Reports, 2)
	for r := range s.fleet.Reports(s.sender) {
		if left--; left < 0 || ctx.Err() != nil {
			return
		}
		at := p.Now()
		status, err := postOther(ctx, p.transport, p.base, r)
		p.mu.Lock()
		if err != nil {
			p.result.Errors++
		} else {
			p.result.Codes[r.Product][status]++
		}
		if status == http.StatusOK {
			p.result.Truth[r.Product].Add(r, at)
		}
		p.mu.Unlock()
	}
}

// postOther sends a report as its client does. It follows no redirect, as no client does.
func postOther(ctx context.Context, transport *http.Transport, base *url.URL, r others.Report) (status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	u := *base
	u.Path = r.Path
	req, err := http.NewRequestWithContext(ctx, r.Method, u.String(), bytes.NewReader(r.Body))
	if err != nil {
		return 0, err
	}
	req.Header = r.Header
	res, err := transport.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}
