package attack

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/child"
)

// visits are what a web page can have a browser ask the private listener, while an
// operator forwards its port.
var visits = []struct {
	method, path, host string
	header             [2]string
}{
	{"GET", "/backup", "evil.example", [2]string{}},
	{"GET", "/metrics", "evil.example:8082", [2]string{}},
	{"POST", "/backfill?from=2026-01&to=2026-01", "127.0.0.1", [2]string{"Sec-Fetch-Site", "cross-site"}},
	{"POST", "/exclude", "127.0.0.1", [2]string{"Origin", "https://evil.example"}},
	{"POST", "/forget", "localhost", [2]string{"Origin", "null"}},
	{"GET", "/backup", "localhost", [2]string{"Sec-Fetch-Site", "same-site"}},
}

// visit asks as a page does.
func (s *stage) visit(ctx context.Context) error {
	for _, v := range visits {
		req, err := http.NewRequestWithContext(ctx, v.method, "http://"+s.admin+v.path, nil)
		if err != nil {
			return fmt.Errorf("attack: %w", err)
		}
		req.Host = v.host
		if v.header[0] != "" {
			req.Header.Set(v.header[0], v.header[1])
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return fmt.Errorf("attack: %w", err)
		}
		n, err := io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if err != nil {
			return fmt.Errorf("attack: %w", err)
		}
		s.row.Sent.count(resp.StatusCode)
		s.promise(resp.StatusCode == http.StatusForbidden && n < 1<<10, "%s %s of %s with %q: %s", v.method, v.path, v.host, v.header, resp.Status)
	}
	return nil
}

// doubleUp starts a second server, with a file of its own, on the same mirror.
func (s *stage) doubleUp(ctx context.Context) error {
	db := filepath.Join(s.dir, "second.db")
	if err := child.CopyFile(db, s.months); err != nil {
		return err
	}
	second, _, err := s.serve(ctx, s.dir, db, s.mirror)
	if err == nil {
		second.Kill()
		s.row.Sent.count(http.StatusOK)
		s.promise(false, "a second server serves on the same mirror")
		return nil
	}
	s.row.Sent.count(http.StatusForbidden)
	s.promise(strings.Contains(err.Error(), "another server writes the mirror"), "a second server says: %v", err)
	return ctx.Err()
}
