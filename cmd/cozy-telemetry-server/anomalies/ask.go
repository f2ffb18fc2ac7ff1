package anomalies

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/private"
)

// askTime is how long a server may take to look.
const askTime = time.Minute

// ask has a running server look.
func ask(ctx context.Context, admin, tokenFile string) (l Look, err error) {
	token, err := private.ReadToken(tokenFile)
	if err != nil {
		return l, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+cli.OnThisMachine(admin)+path, nil)
	if err != nil {
		return l, err
	}
	token.Sign(req)
	client := http.Client{Timeout: askTime}
	resp, err := client.Do(req)
	if err != nil {
		return l, fmt.Errorf("%w%s", err, cli.AskAdmin)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound {
		return l, fmt.Errorf("the server answers %s%s", resp.Status, cli.AskAdmin)
	}
	var answer struct {
		Look
		Error string `json:"error"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return l, fmt.Errorf("the server answers %s", resp.Status)
	}
	if resp.StatusCode != http.StatusOK {
		return l, fmt.Errorf("the server answers %s: %s", resp.Status, answer.Error)
	}
	return answer.Look, nil
}
