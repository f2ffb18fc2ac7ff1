package e2e

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/victoria"
)

// peer is the address that the test's requests come from: all of 127/8 is this
// machine.
var peer = net.IPv4(127, 0, 0, 77)

// canaries must be nowhere: the peer's address in its forms, and what the
// headers of private say.
var canaries = []string{
	"127.0.0.77", "7f00004d", "7f.0.0.4d", "2130706509", string(peer.To4()), string(peer.To16()),
	"203.0.113.77", "198.51.100.77", "192.0.2.77", "2001:db8::77", "canary-agent", "canary-referer", "canary-cookie", "canary-path", "canary-query",
}

const private = "Connection: close\r\nX-Forwarded-For: 203.0.113.77, 2001:db8::77\r\nForwarded: for=198.51.100.77;proto=http\r\nX-Real-IP: 192.0.2.77\r\n" +
	"CF-Connecting-IP: 192.0.2.77\r\nTrue-Client-IP: 192.0.2.77\r\nUser-Agent: canary-agent/1\r\nReferer: http://canary-referer/\r\nCookie: c=canary-cookie\r\n"

// Whatever comes, nothing that tells who has sent it is kept: not on disk, not in
// the log at its most verbose, not in the metrics.
func TestNobodyIsTraced(t *testing.T) {
	nobody, err := victoria.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	t.Setenv("TMPDIR", filepath.Join(data, "tmp"))
	if err := os.Mkdir(filepath.Join(data, "tmp"), 0o700); err != nil {
		t.Fatal(err)
	}
	server := startServer(t, data, "--log-level=debug", "--mirror-every=1s", "--snapshot-dir="+filepath.Join(data, "snapshots"),
		"--forward-url=http://"+nobody+importPath, "--vmselect-url=http://"+nobody+"/prometheus", "--apps-url=http://"+nobody)
	public, admin := strings.TrimPrefix(server.Public, "http://"), strings.TrimPrefix(server.Admin, "http://")

	statuses := map[string]int{}
	for _, request := range privateRequests() {
		statuses[status(send(t, public, request))]++
	}
	for _, request := range cutOff {
		c := open(t, public)
		write(t, c, request)
		_ = c.CloseWrite()
		statuses[status(read(c))]++
	}
	for _, request := range adminRequests {
		statuses[status(send(t, admin, request))]++
	}
	for _, addr := range []string{public, admin} {
		sendTLS(t, addr)
	}
	for range 70 {
		statuses[status(send(t, public, report("busy", "cozy_cluster_info 1\n")))]++
	}
	breakOff(t, public)
	for _, want := range []string{"200", "304", "400", "403", "404", "405", "413", "415", "429", "431", "503", ""} {
		if statuses[want] == 0 {
			t.Errorf("no answer with status %q; there were %v", want, statuses)
		}
	}
	eventually(t, "the log tells of refusals", func() bool { return strings.Contains(server.logged(t), "a report was refused") })
	eventually(t, "the mirror is written", func() bool { return len(matchesOf(t, data, "snapshots/rollups/*.jsonl")) > 0 })
	metrics := get(t, server.Admin+"/metrics")
	slow := open(t, public) // a body that does not end is cut off by the stop
	write(t, slow, "POST / HTTP/1.1\r\nHost: x\r\nX-Cluster-ID: slow\r\nContent-Length: 100\r\n"+private+"\r\ncozy")
	server.stop(t, syscall.SIGTERM)

	kept := map[string][]byte{"metrics": []byte(metrics), "log": []byte(server.logged(t))}
	readAll(t, data, kept)
	found := ""
	for name, content := range kept {
		for _, canary := range canaries {
			if i := bytes.Index(content, []byte(canary)); i >= 0 {
				t.Errorf("%s has %q: …%q…", name, canary, content[max(0, i-40):min(len(content), i+60)])
			}
		}
		// The search sees what is there: in the file, in its packed queue, in the mirror.
		if bytes.Contains(content, []byte("kept-label")) {
			found += " " + name
		}
	}
	for _, want := range []string{"telemetry.db ", "telemetry.db, packed", ".jsonl"} {
		if !strings.Contains(found+" ", want) {
			t.Errorf("what must be kept is not found in %s, only in%s", want, found)
		}
	}
}

// privateRequests has a request for each way through the public listener.
func privateRequests() []string {
	now := thisMonth().Start()
	good := "cozy_cluster_info{x=\"kept-label\"} 1\n"
	month := now.Format("/api/overview?year=2006&month=1")
	return []string{
		report("kept", good), report("", good), report("a b", good), report("x\r\nX-Cluster-ID: y", good),
		report("x", "cozy_a{\n"), report("x", "cozy_a NaN\n"), report("x", "cozy_a{a=\"\xff\"} 1\n"), report("x", strings.Repeat("x", 2<<20)),
		report("x\r\nContent-Encoding: gzip", "no gzip"), report("x\r\nContent-Encoding: br", good),
		"POST / HTTP/1.1\r\nHost: x\r\nX-Cluster-ID: x\r\nContent-Length: 99999999\r\n" + private + "\r\n" + good,
		"POST / HTTP/1.1\r\nHost: x\r\nX-Cluster-ID: x\r\nTransfer-Encoding: chunked\r\n" + private + "\r\nno chunk\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nX-Cluster-ID: x\r\nContent-Length: -5\r\n" + private + "\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nX-Cluster-ID: x\r\nX-Long: " + strings.Repeat("x", 64<<10) + "\r\n" + private + "\r\n",
		asking("GET", "/canary-path?canary-query"), asking("PUT", "/?canary-query"), asking("POST", "/canary-path"), asking("DELETE", month), asking("OPTIONS", month),
		asking("GET", month), asking("HEAD", month), asking("GET", "/api/overview?year=canary-query"), asking("GET", "/api/overview?year=2024&month=1"),
		strings.Replace(asking("GET", month), private, private+"If-None-Match: *\r\n", 1),
		asking("GET", "/healthz"), asking("GET", "/readyz"), asking("GET", "/metrics"), asking("CONNECT", "canary-path:80"), asking("GET", "http://canary-path/"),
		"GET / HTTP/1.1\r\n" + private + "\r\n", "canary-agent\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET / HTTP/9.9\r\n" + private + "\r\n",
	}
}

// cutOff are requests whose sender closes its side before their end.
var cutOff = []string{
	"POST / HTTP/1.1\r\nHost: x\r\nX-Cluster-ID: x\r\nContent-Length: 100\r\n" + private + "\r\ncozy_a 1",
	"GET / HTTP/1.1\r\nHost: x\r\n" + private, "",
}

var adminRequests = []string{
	askingAdmin("GET", "/metrics"), askingAdmin("POST", "/metrics"), askingAdmin("GET", "/canary-path"), askingAdmin("GET", "/debug/pprof/"), askingAdmin("GET", "/debug/pprof/canary-path"),
	askingAdmin("GET", "/debug/pprof/symbol?canary-query"), asking("GET", "/metrics"), "canary-agent\r\n\r\n",
}

// report is a report as it goes over the wire.
func report(cluster, body string) string {
	return fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nX-Cluster-ID: %s\r\n%sContent-Length: %d\r\n\r\n%s", cluster, private, len(body), body)
}

// askingAdmin is a request that the private listener takes; it refuses a foreign host.
func askingAdmin(method, target string) string {
	return strings.Replace(asking(method, target), "Host: x", "Host: localhost", 1)
}

// asking is a request without a body.
func asking(method, target string) string {
	return fmt.Sprintf("%s %s HTTP/1.1\r\nHost: x\r\n%s\r\n", method, target, private)
}

// open connects to an address from the canary's.
func open(t *testing.T, addr string) *net.TCPConn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: peer}}
	c, err := d.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn)
}

// write writes to a server that may have closed already.
func write(t *testing.T, c net.Conn, text string) {
	t.Helper()
	_, _ = io.WriteString(c, text)
}

// send sends a request and returns what comes back.
func send(t *testing.T, addr, request string) string {
	t.Helper()
	c := open(t, addr)
	defer c.Close()
	write(t, c, request)
	return read(c)
}

// read reads until the server closes.
func read(c net.Conn) string {
	answer, _ := io.ReadAll(c) // what came before a reset counts too
	return string(answer)
}

// status returns the status of an answer, "" if there was none.
func status(answer string) string {
	line, _, _ := strings.Cut(answer, "\r\n")
	_, rest, _ := strings.Cut(line, " ")
	code, _, _ := strings.Cut(rest, " ")
	return code
}

// sendTLS speaks TLS to a port that does not, with the address as the name.
func sendTLS(t *testing.T, addr string) {
	t.Helper()
	c := tls.Client(open(t, addr), &tls.Config{ServerName: "canary-path.example"})
	if c.Handshake() == nil {
		t.Error("the plain port speaks TLS")
	}
}

// breakStep sets the resets apart: at once, and after about as long as the server needs
// to read a request, and to answer it.
const breakStep = time.Millisecond

// breakOff resets connections in all states of a report.
func breakOff(t *testing.T, addr string) {
	t.Helper()
	whole := report("broken", "cozy_cluster_info 1\n")
	for i := range 50 {
		c := open(t, addr)
		write(t, c, whole[:len(whole)-i])
		time.Sleep(time.Duration(i%3) * breakStep)
		_ = c.SetLinger(0)
		c.Close()
	}
}

func matchesOf(t *testing.T, dir, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// readAll reads all files below a folder, and what is packed in them.
func readAll(t *testing.T, dir string, kept map[string][]byte) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		kept[e.Name()] = content
		kept[e.Name()+", packed"] = unpacked(content)
		kept["names"] = append(kept["names"], path...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// unpacked returns the content of every gzip member that stands in some bytes.
func unpacked(content []byte) (all []byte) {
	for {
		i := bytes.Index(content, []byte{0x1f, 0x8b, 8})
		if i < 0 {
			return all
		}
		content = content[i:]
		if zip, err := gzip.NewReader(bytes.NewReader(content)); err == nil {
			zip.Multistream(false)
			text, _ := io.ReadAll(zip) // up to where it is damaged, if it is
			all = append(all, text...)
		}
		content = content[1:]
	}
}
