package e2e

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// reporting is a fleet that reports until it is stopped.
type reporting struct {
	cancel context.CancelFunc
	wg     sync.WaitGroup
	mu     sync.Mutex
	acked  map[string][]int
}

func startReporting(t *testing.T, url string) *reporting {
	ctx, cancel := context.WithCancel(t.Context())
	r := &reporting{cancel: cancel, acked: make(map[string][]int)}
	for i := range senders {
		r.wg.Go(func() { r.send(ctx, url, fmt.Sprintf("cluster-%d", i)) })
	}
	return r
}

// kindOf is the application that a cluster alone reports, and the overview
// therefore shows by itself.
func kindOf(cluster string) string { return "app-of-" + cluster }

// reportAgain is how long a cluster rests whose report had no answer, so that eight of
// them do not keep a server that starts from the processor.
const reportAgain = 5 * time.Millisecond

// send reports as one cluster. A report without an answer is not sent again: it
// may or may not have been stored.
func (r *reporting) send(ctx context.Context, url, cluster string) {
	client := http.Client{Timeout: 5 * time.Second}
	for n := 1; ctx.Err() == nil; n++ {
		body := fmt.Sprintf("cozy_cluster_info 1\ncozy_application_count{kind=%q} %d\n", kindOf(cluster), n)
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
		if err != nil {
			return
		}
		req.Header.Set("X-Cluster-ID", cluster)
		resp, err := client.Do(req)
		if err != nil {
			time.Sleep(reportAgain)
			continue
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			r.mu.Lock()
			r.acked[cluster] = append(r.acked[cluster], n)
			r.mu.Unlock()
		}
	}
}

// last returns the last value that was acknowledged to each cluster.
func (r *reporting) last() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := make(map[string]int)
	for cluster, values := range r.acked {
		last[cluster] = values[len(values)-1]
	}
	return last
}

// stop returns the values that were acknowledged to each cluster, ascending.
func (r *reporting) stop() map[string][]int {
	r.cancel()
	r.wg.Wait()
	return r.acked
}
