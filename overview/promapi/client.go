package promapi

import (
	"cmp"
	"context"
	"errors"
	"math"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/semaphore"
)

// The paths below which the Prometheus API is, in a cluster and in the single-node
// binary.
const (
	ClusterPath    = "/select/0/prometheus"
	SingleNodePath = "/prometheus"
)

// Config says whom to ask. URL and Bytes are required.
type Config struct {
	// URL is the base of the Prometheus API. Without a path it is that of a cluster's
	// vmselect, or of a single node.
	URL string
	// Bytes bounds an answer that is held in memory.
	Bytes int64
	// Transport carries the questions. Nil means a copy of http.DefaultTransport.
	Transport http.RoundTripper
	// InFlight bounds the questions under way at a time. 0 means no bound.
	InFlight int
	// OnSwitch, if set, is told the path that is asked from now on: a cluster and a
	// single node may be put in each other's place. It may be called concurrently.
	OnSwitch func(path string)
}

// Client asks a VictoriaMetrics. Its methods may be called concurrently.
type Client struct {
	cfg      Config
	http     http.Client
	inFlight *semaphore.Weighted
	// base is asked; fallback is the path of the single-node binary on the same
	// host, nil where the operator has named a path. single is set while the
	// fallback is the one that answers.
	base, fallback *url.URL
	single         atomic.Bool
}

// New returns a client. Its only error is that of a URL that can't be asked.
func New(cfg Config) (*Client, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("the vmselect URL must be a http or https URL") // err would tell its password
	}
	if cfg.Transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxIdleConnsPerHost = cfg.InFlight
		cfg.Transport = t
	}
	if cfg.OnSwitch == nil {
		cfg.OnSwitch = func(string) {}
	}
	c := &Client{
		cfg: cfg, base: u, inFlight: semaphore.NewWeighted(cmp.Or(int64(cfg.InFlight), math.MaxInt64)),
		http: http.Client{
			Transport:     cfg.Transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	if strings.Trim(u.Path, "/") == "" {
		c.base, c.fallback = u.JoinPath(ClusterPath), u.JoinPath(SingleNodePath)
	}
	return c, nil
}

// ask posts a form, and lets read have an answer with status 200. Where the path is
// not known, it tries the other one, and stays with that if it answers.
func (c *Client) ask(ctx context.Context, path string, form url.Values, read func(*http.Response) error) error {
	if err := c.inFlight.Acquire(ctx, 1); err != nil {
		return err
	}
	defer c.inFlight.Release(1)
	single := c.single.Load()
	err := c.post(ctx, c.pick(single).JoinPath(path), form, read)
	if c.fallback == nil || !unknownPath(err) {
		return err
	}
	otherErr := c.post(ctx, c.pick(!single).JoinPath(path), form, read)
	if unknownPath(otherErr) {
		return err
	}
	if otherErr == nil && c.single.CompareAndSwap(single, !single) {
		now := SingleNodePath
		if single {
			now = ClusterPath
		}
		c.cfg.OnSwitch(now)
	}
	return otherErr
}

func (c *Client) pick(single bool) *url.URL {
	if single {
		return c.fallback
	}
	return c.base
}

func (c *Client) post(ctx context.Context, u *url.URL, form url.Values, read func(*http.Response) error) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return statusError(resp)
	}
	return read(resp)
}
