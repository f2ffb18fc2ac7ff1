package private

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
)

// Client asks the private listener of a running server, for a command. It does not
// change, so any number may use it at once.
type Client struct {
	// Addr is the listener's host:port, as --admin-addr has it.
	Addr  string
	Token Token
	// Timeout bounds one request. 0 is none but that of ctx.
	Timeout time.Duration
}

// Ask sends a request, with body as JSON unless it is nil, and reads the answer into what
// into points to. The error says what the server refuses, or what to look at where it was
// not reached. A query may stand behind the path.
func (c Client) Ask(ctx context.Context, method, path string, body, into any) error {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+cli.OnThisMachine(c.Addr)+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	c.Token.Sign(req)
	client := http.Client{Timeout: c.Timeout}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("%w%s", err, cli.AskAdmin)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotFound:
		return fmt.Errorf("the server answers %s%s", resp.Status, cli.AskAdmin)
	case resp.StatusCode/100 != 2:
		return refusal(resp)
	}
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		return fmt.Errorf("the server answers %s, but what it says can't be read: %w", resp.Status, err)
	}
	return nil
}

// refusal is what a server says that does not do what it is asked.
func refusal(resp *http.Response) error {
	var said struct {
		Error string `json:"error"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&said); err != nil {
		return fmt.Errorf("the server answers %s", resp.Status)
	}
	return fmt.Errorf("the server refuses: %s", said.Error)
}
