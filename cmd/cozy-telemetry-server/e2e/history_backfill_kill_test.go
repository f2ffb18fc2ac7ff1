package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/load"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// A run that is killed is gone on with, and in the end the file is as if it had
// not been.
func TestBackfillIsKilled(t *testing.T) {
	t.Parallel()
	const months = 2
	v, truth := originalHistory(t, months, 120, 12*time.Hour)
	whole := filepath.Join(t.TempDir(), "whole.db")
	runBackfill(t, backfillCommand(months, v.URL, whole))

	broken := filepath.Join(t.TempDir(), "broken.db")
	proxy := newKillingProxy(t, v.URL)
	for _, questions := range []int64{3, 40, 95} {
		proxy.kill(t, backfillCommand(months, proxy.url, broken), questions)
	}
	out := runBackfill(t, backfillCommand(months, proxy.url, broken))
	if strings.Contains(out, " 0 of them by an earlier run") {
		t.Errorf("it began anew: %s", out)
	}
	t.Log(out)
	want, got := readDays(t, whole), readDays(t, broken)
	if len(want) == 0 || !reflect.DeepEqual(got, want) {
		t.Errorf("%d days after kills, %d without", len(got), len(want))
	}
	v.Kill()
	servesOverImports(t, whole, truth)
}

// servesOverImports starts the server on a file that was filled, beside months
// that the original server has left with fewer clusters.
func servesOverImports(t *testing.T, file string, truth map[rollup.MonthID]load.Month) {
	t.Helper()
	snapshots := t.TempDir()
	for id := range truth {
		text := fmt.Sprintf(`{"month":%q,"collected_at":%q,"clusters":3,"total_nodes":9,"total_tenants":1,"apps":{}}`,
			id, id.End().Add(time.Hour).Format(time.RFC3339))
		if err := os.WriteFile(filepath.Join(snapshots, id.String()+".json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	server := startServer(t, t.TempDir(), "--db-path="+file, "--snapshot-dir="+snapshots)
	for id, want := range truth {
		var got month
		eventually(t, id.String()+" is that of the days", func() bool {
			got = server.overview(t, id)
			return got.Source == rollup.SourceRollups
		})
		if got.Clusters != want.Clusters || got.TotalNodes != want.TotalNodes || got.TotalTenants != want.TotalTenants {
			t.Errorf("%s: %v, in truth %+v", id, got, want)
		}
	}
	server.stop(t, syscall.SIGTERM)
}

// killingProxy passes questions on, but holds one back for ever.
type killingProxy struct {
	url  string
	left atomic.Int64  // until that one
	held chan struct{} // receives when it has come
}

func newKillingProxy(t *testing.T, to string) *killingProxy {
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	p, pass := &killingProxy{held: make(chan struct{})}, httputil.NewSingleHostReverseProxy(target)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.left.Add(-1) == 0 {
			_, _ = io.Copy(io.Discard, r.Body) // or it would not notice that the client is gone
			p.held <- struct{}{}
			<-r.Context().Done()
			return
		}
		pass.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	p.url = s.URL
	return p
}

// kill runs a command, and kills it in the middle of its n-th question.
func (p *killingProxy) kill(t *testing.T, cmd *exec.Cmd, n int64) {
	t.Helper()
	p.left.Store(n)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-p.held:
		_ = cmd.Process.Kill() // it can't have ended
		<-ended
	case err := <-ended:
		t.Fatalf("it ended before question %d: %v", n, err)
	}
}
