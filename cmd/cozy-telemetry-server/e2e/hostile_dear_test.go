//go:build !race

package e2e

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/repotest"
)

// The race detector takes several times the memory that is measured here.

// ceiling is what docs/reference.md promises of the memory of the process, without the
// pages of the database file, which the system takes back when it needs them.
const ceiling = 256 << 20

const (
	// dearAgain is how soon a client that was put off comes again: sooner than
	// Retry-After says.
	dearAgain = time.Second
	// measureEvery is how often the memory is read: its peaks are short.
	measureEvery = 5 * time.Millisecond
)

// 32 clients send the dearest reports that the limits allow: of the largest
// size, of as many samples as fit, each spelt as never before, half of them packed. The process stays below its ceiling and serves others.
func TestS6DearReports(t *testing.T) {
	const clients, duration = 32, 5 * time.Second
	server := startServer(t, t.TempDir(), "--limits=off", "--forward-url=http://127.0.0.1:9/")
	ctx, cancel := context.WithTimeout(t.Context(), duration)
	defer cancel()
	var wg sync.WaitGroup
	var answers [600]atomic.Int64
	for i := range clients {
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				status, err := postDear(ctx, server.Public, i, n)
				if err != nil && ctx.Err() == nil {
					t.Error(err)
				}
				answers[status].Add(1)
				if status == http.StatusServiceUnavailable {
					time.Sleep(dearAgain)
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
	if promise := fmt.Sprintf("below %d MiB", ceiling>>20); !strings.Contains(repotest.Read(t, "docs/reference.md"), promise) {
		t.Errorf("docs/reference.md does not say %q", promise)
	}
	if anonymous > ceiling {
		t.Errorf("the process took %d MiB", anonymous>>20)
	}
	if p99 := percentile(latencies, 99); p99 > time.Second {
		t.Errorf("normal reports took %v at the 99th percentile", p99)
	}
	if answers[http.StatusOK].Load() == 0 {
		t.Error("no dear report was taken")
	}
	for status := range answers {
		if n := answers[status].Load(); n > 0 && status > 0 {
			t.Logf("%d dear reports got %d", n, status)
		}
	}
	t.Logf("most memory %d MiB, with pages of the file %d MiB; %d normal reports: p50 %v, p99 %v, longest %v",
		anonymous>>20, server.memory(t, "VmHWM")>>20, len(latencies), percentile(latencies, 50), percentile(latencies, 99), slices.Max(latencies))
}

// postDear sends the n-th dear report of a client, and returns its status.
func postDear(ctx context.Context, url string, client, n int) (status int, err error) {
	body := dearReport(client, n)
	packed := client%2 == 0
	if packed {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, err = w.Write(body)
		if err = errors.Join(err, w.Close()); err != nil {
			return 0, err
		}
		body = b.Bytes()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	if packed {
		req.Header.Set("Content-Encoding", "gzip")
	}
	req.Header.Set("X-Cluster-ID", fmt.Sprintf("%d-%s", client, strings.Repeat("x", 240)))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	resp.Body.Close()
	return resp.StatusCode, nil
}

// dearReport has 5000 samples of 24 labels in just less than 1 MiB. A client's
// series are its own, and it spells them in another way each time, so that the
// parser never knows them. To the file they are the same each time: what new
// ones take there is another bound's.
func dearReport(client, n int) []byte {
	const samples, labels, size = 5000, 24, 1 << 20
	b := make([]byte, 0, size)
	for i := range samples {
		start := len(b)
		b = fmt.Appendf(b, `cozy_a{a="%d-%d"`, client, i)
		for l := 1; l < labels; l++ {
			b = append(b, ',')
			if n>>(l%16)&1 == 1 {
				b = append(b, ' ')
			}
			b = append(b, byte('a'+l), '=', '"')
			if l == 1 {
				b = append(b, strings.Repeat("z", 40)...)
			}
			b = append(b, '"')
		}
		b = append(b, '}')
		// Blanks fill the line's share.
		b = append(b, bytes.Repeat([]byte{' '}, size/samples-2-(len(b)-start))...)
		b = append(b, '1', '\n')
	}
	return b
}

// memory returns a figure of /proc/PID/status, in bytes.
func (p *process) memory(t *testing.T, figure string) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, figure+":"); ok {
			var kib int64
			if _, err := fmt.Sscanf(value, "%d kB", &kib); err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatalf("there is no %s", figure)
	return 0
}
