package e2e

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/backup"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/program"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/fleet"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/load"
)

// postLoad sends reports of a fleet and returns the median latency.
func postLoad(t *testing.T, server *process, count, skip int) time.Duration {
	t.Helper()
	result, err := load.Post(t.Context(), load.PostOptions{
		URL: server.Public + "/", Now: time.Now, Count: count, Skip: skip, Conns: 4,
		Fleet: fleet.Config{Clusters: 300},
	})
	if err != nil || !result.OK() {
		t.Fatal(err, result)
	}
	return result.P50
}

// sipEvery is how long a slow client rests: far longer than the whole test would take
// if it took the backup in one draught, and less than the server's patience.
const sipEvery = time.Second

// slowBackup asks for a backup and takes a byte of it each sipEvery, until the test
// is over.
func slowBackup(t *testing.T, server *process) {
	t.Helper()
	conn, err := net.Dial("tcp", server.adminAddr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "GET /backup HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReaderSize(conn, 16).ReadString('\n')
	if err != nil || !strings.Contains(line, "200") {
		t.Fatal(line, err)
	}
	go func() {
		one := make([]byte, 1)
		for {
			if _, err := conn.Read(one); err != nil {
				return
			}
			time.Sleep(sipEvery)
		}
	}()
}

// Clients that read a backup byte by byte hold a file each, but neither the database
// nor more files than there may be.
func TestF6SlowBackupClient(t *testing.T) {
	dir := t.TempDir()
	db := filepath.Join(dir, "telemetry.db")
	// Larger than what the kernel keeps for a connection.
	_, err := load.DB(t.Context(), load.DBOptions{
		Path: db, From: thisMonth() - 3, To: thisMonth() - 1, Every: 12 * time.Hour, Now: time.Now,
		Fleet: fleet.Config{Clusters: 300, Full: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	// What can't be forwarded makes every commit write.
	server := startServer(t, dir, "--limits=off", "--forward-url=http://127.0.0.1:1/")
	before := postLoad(t, server, 1500, 0)
	size := fileSize(t, db)
	for range 2 {
		slowBackup(t, server)
	}
	during := postLoad(t, server, 3000, 1500)
	if during > 4*before+5*time.Millisecond {
		t.Errorf("the median was %v before, %v during a slow backup", before, during)
	}
	if now := fileSize(t, db); now > 2*size {
		t.Errorf("the file has grown from %d to %d bytes", size, now)
	}
	t.Logf("median %v before, %v during; file %d bytes before, %d after", before, during, size, fileSize(t, db))
	resp, err := http.Get(server.Admin + backup.Path)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("one more client gets %s, so the slow ones hold nothing", resp.Status)
	}
	out := filepath.Join(t.TempDir(), "b.db")
	if r := command(t, "backup", "--admin-addr", server.adminAddr(), "-o", out); r.code != program.ExitFailure || !strings.Contains(r.errs, "try again in 1m") {
		t.Errorf("the command says %+v", r)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("copies have names: %v", entries)
	}
}

func fileSize(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
