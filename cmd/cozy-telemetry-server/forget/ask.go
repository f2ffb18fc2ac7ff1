package forget

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/private"
	"github.com/cozystack/cozystack-telemetry-server/store/rewrite"
)

// askEvery is how often a running server is asked how far it has come.
const askEvery = 200 * time.Millisecond

// asked lets a running server forget.
type asked struct {
	*command
	server private.Client
}

func newAsked(c *command) (worker, error) {
	token, err := private.ReadToken(c.tokenFile)
	return &asked{c, private.Client{Addr: c.adminAddr, Token: token, Timeout: time.Minute}}, err
}

func (a *asked) close() {}

func (a *asked) survey(ctx context.Context, r Request) (rewrite.Found, error) {
	r.DryRun = true
	s, err := a.state(ctx, http.MethodPost, r)
	return s.Found, err
}

// forget shows how far the server has come, which goes on when who looks on goes away.
func (a *asked) forget(ctx context.Context, r Request) (Result, error) {
	s, err := a.state(ctx, http.MethodPost, r)
	if err != nil {
		return Result{}, err
	}
	bar := cli.NewProgress(a.env, "forget")
	defer bar.End()
	for s.Running {
		bar.Tell(s.Done, s.Total)
		select {
		case <-ctx.Done():
			return Result{}, fmt.Errorf("the server goes on; GET %s tells how far it is", Path)
		case <-time.After(askEvery):
		}
		if s, err = a.state(ctx, http.MethodGet, Request{}); err != nil {
			return Result{}, err
		}
	}
	if s.Error != "" {
		return s.Result, errors.New(s.Error)
	}
	return s.Result, nil
}

func (a *asked) state(ctx context.Context, method string, r Request) (s state, err error) {
	return s, a.server.Ask(ctx, method, Path, r, &s)
}
