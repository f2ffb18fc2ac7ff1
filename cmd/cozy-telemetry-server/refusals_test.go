package main

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/cozystack/cozystack-telemetry-server/ingest"
)

// However many reports are refused, the log has a line in five minutes, and one
// of the rest at the end.
func TestRefusalsAreToldAtAPace(t *testing.T) {
	var log bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		var r refusals
		ctx, cancel := context.WithCancel(t.Context())
		var loop sync.WaitGroup
		loop.Go(func() { r.run(ctx, zerolog.New(&log)) })
		time.Sleep(time.Second / 2) // off the ticks
		for range 600 {
			r.add(ingest.BadLine)
			time.Sleep(time.Second)
		}
		r.add(ingest.BadID)
		time.Sleep(time.Hour)
		r.add(ingest.Busy)
		cancel()
		loop.Wait()
	})
	if lines := strings.Count(log.String(), "\n"); lines != 4 || !strings.Contains(log.String(), `"line":300`) || !strings.Contains(log.String(), `"busy":1`) {
		t.Errorf("the log has %s", log.String())
	}
}

// Each refusal is counted under one of the known reasons.
func TestRefusalsAreCountedByReason(t *testing.T) {
	server := startServer(t, t.TempDir())
	post := func(id, body, encoding string) {
		t.Helper()
		req, err := http.NewRequest(http.MethodPost, server.Public, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Cluster-ID", id)
		req.Header.Set("Content-Encoding", encoding)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	post("", "cozy_a 1\n", "")
	post("c1", "oops\n", "")
	post("c1", "cozy_a NaN\n", "")
	post("c1", "cozy_a 1\n", "br")
	post("c1", "cozy_a 1\n", "gzip")
	post("c1", strings.Repeat("cozy_a 1\n", 5001), "")
	post("c1", "cozy_nodes_count 1000000\n", "")
	post("c1", payload(t, "operator-v1-odd-os.prom"), "")
	for reason, want := range map[string]int{"id": 1, "line": 2, "encoding": 1, "body": 1, "limit": 1, "implausible": 1, "sender": 0, "busy": 0, "store": 0} {
		if got := server.metric(t, `reports_refused_total{reason="`+reason+`"}`); got != want {
			t.Errorf("%s: %d, want %d", reason, got, want)
		}
	}
	if got := server.metric(t, `reports_total{code="200"}`); got != 1 {
		t.Errorf("%d reports were taken, want 1", got)
	}
}
