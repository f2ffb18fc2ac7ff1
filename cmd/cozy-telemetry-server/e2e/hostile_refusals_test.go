package e2e

import (
	"net/http"
	"strings"
	"testing"
)

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
