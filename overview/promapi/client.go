package promapi

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/api"
	prom "github.com/prometheus/client_golang/api/prometheus/v1"
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
	// Transport carries the questions. Nil means http.DefaultTransport.
	Transport http.RoundTripper
	// OnSwitch, if set, is told the path that is asked from now on: a cluster and a
	// single node may be put in each other's place. It may be called concurrently.
	OnSwitch func(path string)
}

// Client asks a VictoriaMetrics. Its methods may be called concurrently.
type Client struct {
	onSwitch func(path string)
	streams  http.Client
	// base is asked; fallback is the path of the single-node binary on the same
	// host, nil where the operator has named a path. single is set while the
	// fallback is the one that answers.
	base, fallback *endpoint
	single         atomic.Bool
}

// endpoint is a base of the Prometheus API.
type endpoint struct {
	url *url.URL
	api prom.API
}

// New returns a client. Its only error is that of a URL that can't be asked.
func New(cfg Config) (*Client, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("the vmselect URL must be a http or https URL") // err would tell its password
	}
	if cfg.Transport == nil {
		cfg.Transport = http.DefaultTransport
	}
	if cfg.OnSwitch == nil {
		cfg.OnSwitch = func(string) {}
	}
	t := strict{plain{cfg.Transport}, cfg.Bytes}
	c := &Client{onSwitch: cfg.OnSwitch, streams: http.Client{Transport: t.plain}}
	if strings.Trim(u.Path, "/") != "" {
		c.base, err = newEndpoint(u, t)
		return c, err
	}
	if c.base, err = newEndpoint(u.JoinPath(ClusterPath), t); err != nil {
		return nil, err
	}
	c.fallback, err = newEndpoint(u.JoinPath(SingleNodePath), t)
	return c, err
}

func newEndpoint(u *url.URL, t strict) (*endpoint, error) {
	client, err := api.NewClient(api.Config{Address: u.String(), RoundTripper: t})
	if err != nil {
		return nil, err
	}
	return &endpoint{u, prom.NewAPI(client)}, nil
}

// ask asks once. Where the path is not known, it tries the other one, and stays with
// that if it answers.
func (c *Client) ask(once func(*endpoint) error) error {
	single := c.single.Load()
	err := once(c.pick(single))
	if c.fallback == nil || !unknownPath(err) {
		return err
	}
	otherErr := once(c.pick(!single))
	if unknownPath(otherErr) {
		return err
	}
	if otherErr == nil && c.single.CompareAndSwap(single, !single) {
		now := SingleNodePath
		if single {
			now = ClusterPath
		}
		c.onSwitch(now)
	}
	return otherErr
}

func (c *Client) pick(single bool) *endpoint {
	if single {
		return c.fallback
	}
	return c.base
}
