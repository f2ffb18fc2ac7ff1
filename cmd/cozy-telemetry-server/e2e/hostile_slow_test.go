package e2e

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// 500 connections send slow headers, slow bodies, or nothing. All are closed by
// deadlines, and normal reports are answered meanwhile.
func TestS8SlowConnections(t *testing.T) {
	const connections, headerTimeout, bodyTimeout = 500, time.Second, 2 * time.Second
	server := startServer(t, t.TempDir(), fmt.Sprint("--header-timeout=", headerTimeout), fmt.Sprint("--body-timeout=", bodyTimeout))
	begins := []string{
		"", // never sends anything
		"POST / HTTP/1.1\r\nHost: x\r\nX-Cluster-ID: slow\r\nX-Slow: ",
		"POST / HTTP/1.1\r\nHost: x\r\nX-Cluster-ID: slow\r\nContent-Length: 1000000\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nX-Cluster-ID: slow\r\nTransfer-Encoding: chunked\r\n\r\n8000\r\n" + strings.Repeat("#", 20<<10),
	}
	var wg sync.WaitGroup
	var opened atomic.Int64
	lasted := make([]time.Duration, connections)
	for i := range connections {
		wg.Go(func() {
			var err error
			begin := begins[i%len(begins)]
			if lasted[i], err = crawl(server.Public, begin, begin != "", &opened); err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, "all are connected", func() bool { return opened.Load() == connections })
	latencies := server.postUntil(t, time.Now().Add(headerTimeout/2), http.StatusOK)
	wg.Wait()
	if longest := slices.Max(lasted); longest > bodyTimeout+5*time.Second {
		t.Errorf("a connection lasted %v", longest)
	}
	if worst := slices.Max(latencies); worst > time.Second {
		t.Errorf("a normal report took %v", worst)
	}
	t.Logf("%d slow connections, the longest lasted %v; %d normal reports meanwhile, p99 %v",
		connections, slices.Max(lasted), len(latencies), percentile(latencies, 99))
}

// More connections than --max-connections wait until one is closed.
func TestMaxConnections(t *testing.T) {
	const headerTimeout = 2 * time.Second
	server := startServer(t, t.TempDir(), "--max-connections=3", fmt.Sprint("--header-timeout=", headerTimeout))
	begin := time.Now()
	var opened atomic.Int64
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if _, err := crawl(server.Public, "", false, &opened); err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, "all are connected", func() bool { return opened.Load() == 3 })
	server.postUntil(t, begin, http.StatusOK)
	if waited := time.Since(begin); waited < headerTimeout/2 {
		t.Errorf("a fourth connection was served after %v", waited)
	}
	wg.Wait()
}

// A report that finds no room among the connections is counted as every refusal is,
// with its reason.
func TestReportsWithoutRoomAreCounted(t *testing.T) {
	server := startServer(t, t.TempDir(), "--max-connections=1", "--body-timeout=4s")
	conn, err := net.Dial("tcp", strings.TrimPrefix(server.Public, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	req, err := http.NewRequest(http.MethodPost, server.Public, strings.NewReader("cozy_cluster_info 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Cluster-ID", "c1")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("the answer is %s, header %v", resp.Status, resp.Header)
	}
	if n := server.metric(t, `reports_refused_total{reason="busy"}`); n != 1 {
		t.Errorf("%d reports are counted as busy", n)
	}
}

const (
	// crawlEvery is how long a slow client rests between two bytes: less than any
	// deadline, which so can't be one for silence.
	crawlEvery = 200 * time.Millisecond
	// crawlMost is above every deadline of a request.
	crawlMost = 30 * time.Second
)

// crawl opens a connection, sends how a request begins, then a byte now and then
// if it goes on. It returns how long it took until the server closed it.
func crawl(url, begin string, goesOn bool, opened *atomic.Int64) (time.Duration, error) {
	start := time.Now()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, begin); err != nil {
		return 0, err
	}
	opened.Add(1)
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		_, _ = io.Copy(io.Discard, conn) // ends when the server closes
	}()
	tick := time.NewTicker(crawlEvery)
	defer tick.Stop()
	deadline := time.After(crawlMost)
	for {
		select {
		case <-closed:
			return time.Since(start), nil
		case <-tick.C:
			if goesOn {
				_, _ = io.WriteString(conn, "a") // fails once it is closed
			}
		case <-deadline:
			return 0, errors.New("a slow connection is not closed")
		}
	}
}

// postEvery is how long one rests who measures how reports are answered: it is to see
// the load of the others, and to be none.
const postEvery = 5 * time.Millisecond

// postUntil sends small reports one after the other, and returns how long each
// took. Each is on a connection of its own, as the clients' are.
func (p *process) postUntil(t *testing.T, end time.Time, want int) (latencies []time.Duration) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	body := payload(t, "operator-v1.prom")
	for n := 0; n == 0 || time.Now().Before(end); n++ {
		req, err := http.NewRequest(http.MethodPost, p.Public, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Cluster-ID", fmt.Sprint("normal-", n%1000))
		begin := time.Now()
		resp, err := client.Do(req)
		if err != nil {
			t.Error(err)
			continue
		}
		resp.Body.Close()
		latencies = append(latencies, time.Since(begin))
		if resp.StatusCode != want {
			t.Errorf("a normal report got %s", resp.Status)
		}
		time.Sleep(postEvery)
	}
	return latencies
}

func percentile(all []time.Duration, p int) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[(len(sorted)-1)*p/100]
}
