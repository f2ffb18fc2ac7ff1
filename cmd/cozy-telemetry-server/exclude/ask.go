package exclude

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/private"
)

// client asks a running server.
type client struct {
	addr  string
	token private.Token
}

// post lets the server do it.
func (c client) post(ctx context.Context, path string, r Request) (result Result, err error) {
	body, err := json.Marshal(r)
	if err == nil {
		err = c.ask(ctx, http.MethodPost, path, bytes.NewReader(body), &result)
	}
	return result, err
}

// list returns what the server excludes.
func (c client) list(ctx context.Context) (l listing, err error) {
	return l, c.ask(ctx, http.MethodGet, "/exclude", nil, &l)
}

func (c client) ask(ctx context.Context, method, path string, body io.Reader, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+cli.OnThisMachine(c.addr)+path, body)
	if err != nil {
		return err
	}
	c.token.Sign(req)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("%w%s", err, cli.AskAdmin)
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
		return json.NewDecoder(resp.Body).Decode(into)
	case http.StatusNotFound:
		return fmt.Errorf("the server answers %s%s", resp.Status, cli.AskAdmin)
	}
	var refusal struct{ Error string }
	if err := json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&refusal); err != nil {
		return fmt.Errorf("the server answers %s", resp.Status)
	}
	return fmt.Errorf("the server refuses: %s", refusal.Error)
}
