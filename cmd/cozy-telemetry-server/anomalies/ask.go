package anomalies

import (
	"context"
	"net/http"
	"time"

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
	server := private.Client{Addr: admin, Token: token, Timeout: askTime}
	return l, server.Ask(ctx, http.MethodGet, path, nil, &l)
}
