package backfill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
	address := url.URL{Scheme: "http", Host: cli.OnThisMachine(c.adminAddr), Path: "/backfill"}
	form := url.Values{"from": {c.from}, "to": {c.to}}
	if c.again {
		form.Set("again", "1")
	}
	address.RawQuery = form.Encode()
	state, err := stateOf(ctx, token, http.MethodPost, address.String())
	if err != nil {
		return err
	}
	bar := cli.NewProgress(env, "days")
	defer bar.End()
	address.RawQuery = ""
	for state.Running {
		bar.Tell(int64(state.Days), int64(state.Total))
		select {
		case <-ctx.Done():
			return errors.New("the server goes on; GET /backfill tells how far it is")
		case <-time.After(askEvery):
		}
		if state, err = stateOf(ctx, token, http.MethodGet, address.String()); err != nil {
			return err
		}
	}
	if state.Error != "" {
		return errors.New(state.Error)
	}
	return tellTakenOver(env, backfill.Progress{
		Days: state.Days, Resumed: state.Resumed, Samples: state.Samples, Skipped: state.SkippedFor,
	})
}

func stateOf(ctx context.Context, token private.Token, method, address string) (state state, err error) {
	req, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		return state, err
	}
	token.Sign(req)
	client := http.Client{Timeout: 10 * time.Second}
	resp, err := client.Do(req)
	if err != nil {
		return state, fmt.Errorf("%w%s", err, cli.AskAdmin)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound {
		return state, fmt.Errorf("the server answers %s%s", resp.Status, cli.AskAdmin)
	}
	// A refusal has only the error.
	if err := json.NewDecoder(resp.Body).Decode(&state); err != nil {
		return state, fmt.Errorf("the server answers %s", resp.Status)
	}
	if resp.StatusCode/100 != 2 {
		return state, fmt.Errorf("the server refuses: %s", state.Error)
	}
	return state, nil
}
