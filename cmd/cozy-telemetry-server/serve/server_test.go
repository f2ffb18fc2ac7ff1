package serve

import (
	"io"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/pflag"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
)

// newServerAt returns a server upon a file, without any VictoriaMetrics and mirror
// unless flags say otherwise. Its caller closes it.
func newServerAt(t *testing.T, path string, now func() time.Time, flags ...string) *server {
	t.Helper()
	var cfg Config
	f := pflag.NewFlagSet(cli.Name, pflag.ContinueOnError)
	cfg.Bind(f)
	flags = append([]string{"--forward-url=", "--vmselect-url=", "--apps-url=", "--snapshot-dir=", "--db-path=" + path}, flags...)
	if err := f.Parse(flags); err != nil {
		t.Fatal(err)
	}
	s, err := newServer(cfg, cli.Environment{Stderr: io.Discard, Now: now}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// readmeTime is when the README's example was made.
var readmeTime = time.Date(2026, 3, 15, 12, 0, 0, 0, time.UTC)

// newTestServer returns a server as the README starts it, at readmeTime. It
// listens nowhere and asks nobody.
func newTestServer(t *testing.T) *server {
	t.Helper()
	s := newServerAt(t, filepath.Join(t.TempDir(), "telemetry.db"), func() time.Time { return readmeTime })
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// do sends a request and returns its answer.
func do(t *testing.T, req *http.Request) (status int, text string) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// Another goroutine is looked after this often, for 15 s: a machine may be busy.
const (
	lookEvery = 50 * time.Millisecond
	looks     = 300
)

// eventually tries until it works, for some seconds.
func eventually(t *testing.T, what string, try func() bool) {
	t.Helper()
	for range looks {
		if try() {
			return
		}
		time.Sleep(lookEvery)
	}
	t.Fatal("it never happened: " + what)
}
