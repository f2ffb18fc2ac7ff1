package serve

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/repotest"
	"github.com/cozystack/cozystack-telemetry-server/ingest/forward"
	"github.com/cozystack/cozystack-telemetry-server/store"
)

// operated asks for the operator's page as its browser would.
func (s *server) operated(t *testing.T) (text string, rows map[string]string) {
	t.Helper()
	req := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8082/", nil)
	answer := httptest.NewRecorder()
	s.admin("http://127.0.0.1:8081").ServeHTTP(answer, req)
	policy := "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	if h := answer.Header(); answer.Code != http.StatusOK || h.Get("Content-Security-Policy") != policy || h.Get("Cache-Control") != "no-store" || h.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("%d %v %s", answer.Code, h, answer.Body)
	}
	text = answer.Body.String()
	rows = make(map[string]string)
	for _, m := range regexp.MustCompile(`<dt>(.*)</dt><dd>(.*)</dd>`).FindAllStringSubmatch(text, -1) {
		rows[m[1]] = strings.ReplaceAll(m[2], "<strong>Look after it:</strong> ", "! ")
	}
	return text, rows
}

// The page has what an operator looks for, as the metrics and the store have it.
func TestOperatorPage(t *testing.T) {
	var clock atomic.Pointer[time.Time]
	at := func(now time.Time) { clock.Store(&now) }
	at(readmeTime)
	path, backups := filepath.Join(t.TempDir(), "telemetry.db"), t.TempDir()
	s := newServerAt(t, path, func() time.Time { return *clock.Load() }, "--forward-url=http://127.0.0.1:1/in", "--vmselect-url=http://127.0.0.1:1/select",
		"--products=cozystack,synapse", "--forward-url-synapse=", "--backup-dir="+backups, "--snapshot-dir="+t.TempDir(), "--admin-addr=[::1]:8082")
	defer s.close()
	s.log = zerolog.New(io.Discard).Hook(s.warnings)
	if err := os.WriteFile(filepath.Join(backups, "telemetry-20260315T060000Z.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	public := s.public()
	f := fixture{body: repotest.Read(t, "testdata/operator-v1.prom")}
	for range 3 {
		f.to(t, public, "/")
	}
	fixture{body: "oops"}.to(t, public, "/")
	s.onForward("cozystack", forward.Attempt{Outcome: forward.Delivered})
	at(readmeTime.Add(time.Minute))
	s.onForward("cozystack", forward.Attempt{Outcome: forward.Retry, Err: errors.New("connection refused")})
	s.onForward("cozystack", forward.Attempt{Outcome: forward.Oversized})
	s.onAsk(nil)
	s.onMirrorSync(2, nil)
	s.metrics.onLook(nil)
	s.onCommit(store.Commit{Err: errors.New("the disk is gone")})
	at(readmeTime.Add(2 * time.Minute))
	text, rows := s.operated(t)
	for name, want := range map[string]string{
		"Started":                   "2026-03-15 12:00:00 UTC, 2m0s ago",
		"cozystack: last":           "2026-03-15 12:00:00 UTC, 2m0s ago",
		"cozystack: taken":          "3",
		"cozystack: refused":        "1 line",
		"synapse: last":             "none since the start",
		"Path":                      path,
		"Takes commits":             "yes",
		"Oldest that waits":         "2026-03-15 12:00:00 UTC, 2m0s ago",
		"cozystack: to":             "http://127.0.0.1:1/in",
		"cozystack: worked last":    "2026-03-15 12:00:00 UTC, 2m0s ago",
		"cozystack: fails since":    "! 2026-03-15 12:01:00 UTC, 1m0s ago: connection refused",
		"synapse":                   "is not forwarded",
		"worked last":               "2026-03-15 12:01:00 UTC, 1m0s ago",
		"Is asked":                  "yes",
		"Mirror: days without room": "! 2",
		"Mirror: worked last":       "2026-03-15 12:01:00 UTC, 1m0s ago",
		"Backups: newest":           "2026-03-15 06:00:00 UTC, 6h2m0s ago",
		"Backups: next":             "2026-03-16 06:00:00 UTC, in 17h58m0s",
		"Commits that failed":       "1",
		"new_ids":                   "0",
	} {
		if rows[name] != want {
			t.Errorf("%s: %s, want %s", name, rows[name], want)
		}
	}
	for name, want := range map[string]string{"Queue": "^3 blocks, ", "Size": " used$", "Of the database": "iB$", "Of the mirror": "iB$", "Of the backups": "iB$"} {
		if !regexp.MustCompile(want).MatchString(rows[name]) {
			t.Errorf("%s: %q", name, rows[name])
		}
	}
	for _, want := range []string{
		"<td>2026-03-15 12:01:00</td><td>error</td><td>a commit failed; if the disk is full", `<a href="http://127.0.0.1:8081/">`, `<a href="/metrics">`, `<a href="/backup">`, `<a href="/debug/pprof/">`,
		"<td><code>--products</code></td><td><code>cozystack,synapse</code></td><td>yes</td>", "<td><code>--log-level</code></td><td><code>info</code></td><td>default</td>",
		"<td><code>--admin-addr</code></td><td><code>[::1]:8082</code></td><td>yes</td>",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if strings.Contains(text, "my-cluster") || strings.Contains(text, "the disk is gone") {
		t.Error("the page has what it must not")
	}
}

// No credential of any flag is on the page, nor in what is said of a failure; and whatever is
// there is text.
func TestOperatorPageHidesCredentials(t *testing.T) {
	const secret = "s3cret"
	folder := filepath.Join(t.TempDir(), "<script>alert(1)<")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	with := "http://" + secret + "':" + secret + "'" + secret + "@127.0.0.1:1/in?token=" + secret + `"` + secret + "&" + secret
	s := newServerAt(t, filepath.Join(folder, "telemetry.db"), func() time.Time { return readmeTime },
		allProducts, "--forward-url="+with, "--forward-url-synapse="+with, "--vmselect-url="+with, "--apps-url="+with, "--backup-dir="+folder)
	defer s.close()
	s.log = zerolog.New(io.Discard).Hook(s.warnings)
	s.onForward("cozystack", forward.Attempt{Outcome: forward.Retry, Err: fmt.Errorf("answer 500: %q", "<script>alert(1)</script> "+with)})
	s.onAsk(fmt.Errorf("Get %q: refused", with))
	s.log.Error().Str("url", secret).Msgf("<script>alert(1)</script> %q", with)
	text, rows := s.operated(t)
	if strings.Contains(text, secret) {
		t.Errorf("a credential is on the page:\n%s", text)
	}
	const shown = "http://***@127.0.0.1:1/in?***&amp;token=***"
	for _, name := range []string{"cozystack: to", "synapse: to", "Address"} {
		if rows[name] != shown {
			t.Errorf("%s: %s", name, rows[name])
		}
	}
	if strings.Contains(text, "<script") || strings.Contains(text, "style=") || strings.Count(text, shown) < 8 {
		t.Errorf("the page is\n%s", text)
	}
}
