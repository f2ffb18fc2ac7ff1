package exclude

import (
	"context"
	"net/http"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/private"
)

// client asks a running server.
type client struct{ private.Client }

// post lets the server do it.
func (c client) post(ctx context.Context, path string, r Request) (result Result, err error) {
	return result, c.Ask(ctx, http.MethodPost, path, r, &result)
}

// list returns what the server excludes.
func (c client) list(ctx context.Context) (l listing, err error) {
	return l, c.Ask(ctx, http.MethodGet, "/exclude", nil, &l)
}
