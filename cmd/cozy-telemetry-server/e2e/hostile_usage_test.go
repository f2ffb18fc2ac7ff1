package e2e

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/program"
)

// An address that can't be is one line, before any file is made.
func TestA9AddressesThatCannotBe(t *testing.T) {
	for want, flags := range map[string][]string{
		`--listen-addr: ":65536" has no port`:         {"--listen-addr=:65536"},
		`--admin-addr: "localhost:99999" has no port`: {"--admin-addr=localhost:99999"},
		"--admin-addr: must have another port":        {"--listen-addr=:8081", "--admin-addr=localhost:8081"},
		`--admin-hosts: "a.example:8082" is not`:      {"--admin-hosts=a.example:8082"},
	} {
		dir := t.TempDir()
		r := command(t, serverFlags(dir, append(flags, "--snapshot-dir="+filepath.Join(dir, "snapshots"))...)...)
		if r.code != program.ExitUsage || !strings.Contains(r.errs, want) || strings.Count(r.errs, "\n") != 2 {
			t.Errorf("%q: exit code %d, %s", flags, r.code, r.errs)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
			t.Errorf("%q: there are %v, %v", flags, entries, err)
		}
	}
}

// A request of two lengths may be two requests to a proxy before the server: what
// follows it is not read.
func TestA9LengthAndChunks(t *testing.T) {
	server := startServer(t, t.TempDir())
	public := strings.TrimPrefix(server.Public, "http://")
	const body = "cozy_cluster_info 1\n"
	chunked := fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	for _, lengths := range []string{"Content-Length: 5\r\n", "Content-Length: 100000\r\n"} {
		for addr, first := range map[string]string{
			public:             "POST / HTTP/1.1\r\nHost: x\r\nX-Cluster-ID: c\r\n",
			server.adminAddr(): "POST /backfill HTTP/1.1\r\nHost: localhost\r\n",
		} {
			conn := open(t, addr)
			write(t, conn, first+lengths+chunked+"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
			text, err := io.ReadAll(conn)
			if err != nil || strings.Count(string(text), "HTTP/1.1 ") != 1 || !strings.Contains(string(text), "\r\nConnection: close\r\n") {
				t.Errorf("%q: %v: %s", first+lengths, err, text)
			}
			conn.Close()
		}
	}
}
