package backfill

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/private"
	"github.com/cozystack/cozystack-telemetry-server/overview/backfill"
)

// askEvery is how often a running server is asked how far it has come.
const askEvery = time.Second

// ask lets a running server do it, and shows how far it has come. The
// server goes on when the one who looks on goes away.
func ask(ctx context.Context, c flags, env cli.Environment) error {
	token, err := private.ReadToken(c.tokenFile)
	if err != nil {
		return err
	}
	server := private.Client{Addr: c.adminAddr, Token: token, Timeout: 10 * time.Second}
	form := url.Values{"from": {c.from}, "to": {c.to}}
	if c.again {
		form.Set("again", "1")
	}
	var s state
	if err := server.Ask(ctx, http.MethodPost, "/backfill?"+form.Encode(), nil, &s); err != nil {
		return err
	}
	bar := cli.NewProgress(env, "days")
	defer bar.End()
	for s.Running {
		bar.Tell(int64(s.Days), int64(s.Total))
		select {
		case <-ctx.Done():
			return errors.New("the server goes on; GET /backfill tells how far it is")
		case <-time.After(askEvery):
		}
		s = state{} // what is left out now was there before
		if err := server.Ask(ctx, http.MethodGet, "/backfill", nil, &s); err != nil {
			return err
		}
	}
	if s.Error != "" {
		return errors.New(s.Error)
	}
	return tellTakenOver(env, backfill.Progress{
		Days: s.Days, Resumed: s.Resumed, Samples: s.Samples, Skipped: s.SkippedFor,
	})
}
