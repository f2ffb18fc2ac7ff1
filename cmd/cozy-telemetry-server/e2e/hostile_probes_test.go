package e2e

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// All connections are taken: by clients that are done and keep theirs, by slow
// ones, by some that never say anything. Probes are answered all the same, and
// reports where somebody is idle.
func TestProbesNeverWait(t *testing.T) {
	const most = 20
	for name, tc := range map[string]struct {
		begin string
		idle  bool
	}{
		"idle":          {begin: "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", idle: true},
		"slow bodies":   {begin: "POST / HTTP/1.1\r\nHost: x\r\nX-Cluster-ID: slow\r\nContent-Length: 1000000\r\n\r\n"},
		"slow headers":  {begin: "POST / HTTP/1.1\r\nHost: x\r\n"},
		"nothing comes": {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startServer(t, t.TempDir(), "--max-connections=20")
			for range most {
				conn, err := net.Dial("tcp", strings.TrimPrefix(server.Public, "http://"))
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				if _, err := io.WriteString(conn, tc.begin); err != nil {
					t.Fatal(err)
				}
				if tc.idle {
					if _, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil {
						t.Fatal(err)
					}
				}
			}
			client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 3 * time.Second}
			for range 5 {
				for _, path := range []string{"/healthz", "/readyz"} {
					resp, err := client.Get(server.Public + path)
					if err != nil {
						t.Fatal(err)
					}
					resp.Body.Close()
					if resp.StatusCode != http.StatusOK {
						t.Errorf("%s: %s", path, resp.Status)
					}
				}
			}
			if tc.idle {
				server.postUntil(t, time.Now(), http.StatusOK)
			}
		})
	}
}
