//go:build !race

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/repotest"
)

// A Coroot's report with two profiles has 800 kB. So many clients send such without a pause
// that the server is never idle: it decodes them as they come, stays below its ceiling, and
// Cozystack's reports are answered meanwhile.
func TestReportsWithProfiles(t *testing.T) {
	const clients, duration = 16, 5 * time.Second
	server := startServer(t, t.TempDir(), "--products=cozystack,coroot", "--limits=off", "--forward-url=http://127.0.0.1:9/")
	report := reportWithProfiles(t)
	alone := server.processorTime(t)
	const reports = 100
	for range reports {
		if status, err := server.postProfiles(t.Context(), report, 0); status != http.StatusOK {
			t.Fatal(status, err)
		}
	}
	alone = server.processorTime(t) - alone
	before := server.memory(t, "RssAnon")

	ctx, cancel := context.WithTimeout(t.Context(), duration)
	defer cancel()
	var wg sync.WaitGroup
	var taken, others atomic.Int64
	for i := range clients {
		wg.Go(func() {
			for ctx.Err() == nil {
				switch status, err := server.postProfiles(ctx, report, i); {
				case status == http.StatusOK:
					taken.Add(1)
				case ctx.Err() == nil:
					others.Add(1)
					t.Error(status, err)
				}
			}
		})
	}
	var latencies []time.Duration
	wg.Go(func() { latencies = server.postUntil(t, time.Now().Add(duration), http.StatusOK) })
	var anonymous int64
	for ctx.Err() == nil {
		anonymous = max(anonymous, server.memory(t, "RssAnon"))
		time.Sleep(measureEvery)
	}
	wg.Wait()
	if anonymous > ceiling {
		t.Errorf("the process took %d MiB", anonymous>>20)
	}
	if p99 := percentile(latencies, 99); p99 > time.Second {
		t.Errorf("normal reports took %v at the 99th percentile", p99)
	}
	if taken.Load() == 0 || others.Load() > 0 {
		t.Errorf("%d reports were taken, %d were not", taken.Load(), others.Load())
	}
	t.Logf("a report of %d kB takes %v of the processor; %d of them in %v by %d clients: most memory %d MiB, %d before; %d normal reports: p50 %v, p99 %v, longest %v",
		len(report)>>10, alone/reports, taken.Load(), duration, clients, anonymous>>20, before>>20,
		len(latencies), percentile(latencies, 50), percentile(latencies, 99), slices.Max(latencies))
}

// reportWithProfiles is Coroot's sample with profiles as it sends them, in base64.
func reportWithProfiles(t *testing.T) string {
	t.Helper()
	const empty = `"H4sIAAAAAAAA/w=="`
	report := repotest.Read(t, "product/coroot/testdata/coroot.json")
	if strings.Count(report, empty) != 2 {
		t.Fatal("Coroot's sample has no two profiles")
	}
	return strings.ReplaceAll(report, empty, `"`+strings.Repeat("H4sIAAAAAAAE/7y9B3wcxfUA", 400<<10/24)+`"`)
}

func (p *process) postProfiles(ctx context.Context, report string, client int) (status int, err error) {
	body := strings.Replace(report, "4423595b", fmt.Sprintf("4423%04d", client), 1)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.Public+"/ce/usage-statistics", strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

// processorTime returns how long the process has run on a processor.
func (p *process) processorTime(t *testing.T) time.Duration {
	t.Helper()
	const tick = 10 * time.Millisecond // of Linux
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	user, userErr := strconv.Atoi(fields[11])
	system, systemErr := strconv.Atoi(fields[12])
	if err := errors.Join(userErr, systemErr); err != nil {
		t.Fatal(err)
	}
	return time.Duration(user+system) * tick
}
