package e2e

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/load"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/others"
)

// secretNeedles are what no server may keep: in the fleets' reports, names of homeservers,
// contexts, paths, namespaces, profiles and whatever a user has named have one word, nonces
// and ids of browsers begin with the same digits.
var secretNeedles = map[string][]byte{
	"the word":                   []byte(others.Canary),
	"the word in capitals":       []byte(strings.ToUpper(others.Canary)),
	"the word in base64":         []byte(base64.StdEncoding.EncodeToString([]byte(others.Canary))),
	"the digits":                 []byte(others.Digits),
	"the digits in capitals":     []byte(strings.ToUpper(others.Digits)),
	"the digits, packed":         {0xba, 0xdc, 0x0f, 0xfe},
	"the digits, packed, base64": []byte("utwP/g"),
}

// notingSink takes what is forwarded, and keeps all of it.
type notingSink struct {
	mu  sync.Mutex
	got []byte
}

func newNotingSink(t *testing.T) (s *notingSink, url string) {
	t.Helper()
	s = new(notingSink)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, server.URL + importPath
}

func (s *notingSink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = fmt.Appendf(s.got, "%v %v\n", r.URL, r.Header)
	s.got = append(s.got, unzipped(body)...)
	w.WriteHeader(http.StatusNoContent)
}

func (s *notingSink) all() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.got)
}

// secretReports are refused, or large.
var secretReports = []struct {
	path, agent, body string
	status            int
}{
	{"/report-usage-stats/push", "canary/1 badc0ffe", `{"homeserver":"canary.example","python_version":"canary"}`, 200},
	{"/report-usage-stats/push", "canary", `{"homeserver":"canary with spaces"}`, 400},
	{"/report-usage-stats/push?canary", "canary", `{"homeserver":"canary.example","total_users":-1}`, 400},
	{"/report-usage-stats/push", "canary", `{"homeserver":"canary.example","canary":`, 400},
	{"/ce/usage-statistics", "canary", `{"instance":{"uuid":"canary/canary"}}`, 400},
	{"/ce/usage-statistics/", "canary", `{"instance":{"uuid":"badc0ffe-1","version":"canary"},"stack":{"clouds":["canary"]},"profile":{"cpu":"` + strings.Repeat("canary", 130_000) + `"}}`, 200},
	{"/v1/report", "canary", `{"schema_version":"canary","session_nonce":"badc0ffe"}`, 400},
	{"/v1/report", "canary", `{"schema_version":"1.0","session_nonce":"BADC0FFE000000000000000000000077","enabled_packs":["canary"],"tier":"canary"}`, 200},
	{"/v1/report/canary", "canary", `{}`, 404},
}

func postSecrets(t *testing.T, server *process) (sent int) {
	t.Helper()
	for _, r := range secretReports {
		req, err := http.NewRequest(http.MethodPost, strings.TrimSuffix(server.Public, "/")+r.path, strings.NewReader(r.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("User-Agent", r.agent)
		if status, text := do(t, req); status != r.status || strings.Contains(text, others.Canary) {
			t.Errorf("%s %.60s: %d: %s", r.path, r.body, status, text)
		}
	}
	result, err := load.PostOthers(t.Context(), load.PostOthersOptions{
		URL: server.Public, Products: map[string]int{others.Synapse: 40, others.Coroot: 30, others.KubeAtlas: 30}, Reports: 3, Now: time.Now,
	})
	if err != nil || !result.OK() {
		t.Fatalf("%+v, %v", result, err)
	}
	for _, truth := range result.Truth {
		sent += truth.Reports
	}
	return sent + len(secretReports)
}

// Whatever tells who somebody is, or what they have named, is nowhere: not in the file with
// its free pages, its queue, the mirror, backups, exports, the log at its most verbose, the
// metrics, or what is forwarded.
func TestNothingSecretIsKept(t *testing.T) {
	data, said := t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", filepath.Join(data, "tmp"))
	if err := os.Mkdir(filepath.Join(data, "tmp"), 0o700); err != nil {
		t.Fatal(err)
	}
	sink, sinkURL := newNotingSink(t)
	db, mirror := filepath.Join(data, "telemetry.db"), filepath.Join(data, "snapshots")
	flags := slices.Concat(takeAll, []string{
		"--log-level=debug", "--mirror-every=1s", "--snapshot-dir=" + mirror,
		"--forward-url=" + sinkURL, "--forward-url-synapse=http://127.0.0.1:1/", // those stay in the queue
	})
	server := startServer(t, data, flags...)
	sent := postSecrets(t, server)
	for product, file := range map[string]string{others.Synapse: "synapse/rollups/*", others.Coroot: "coroot/rollups/*", others.KubeAtlas: "kubeatlas/rollups/*"} {
		eventually(t, "the mirror has "+product, func() bool { return len(matchesOf(t, mirror, file)) > 0 })
	}
	eventually(t, "Coroot's samples came", func() bool { return bytes.Contains(sink.all(), []byte("coroot_page_views")) })
	texts := map[string]string{"metrics": get(t, server.Admin+"/metrics")}
	for _, product := range []string{others.Synapse, others.Coroot, others.KubeAtlas} {
		texts["overview of "+product] = get(t, server.Public+thisMonth().Start().Format("/api/overview?year=2006&month=1")+"&product="+product)
	}
	succeed(t, "backup", "--admin-addr", server.adminAddr(), "-o", filepath.Join(data, "copy.db"))
	dayKey := readDayKey(t, db)
	if code := server.stop(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
	texts["log"] = server.logged(t)
	exportAll(t, db, data)
	texts["inspect"], texts["verify"] = succeed(t, "inspect", "--db", db), succeed(t, "verify", "--db", db, "--snapshot-dir", mirror)
	texts["sink"] = string(sink.all())
	for name, text := range texts {
		if err := os.WriteFile(filepath.Join(said, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	searchAll(t, sent, data, said)
	checkSearch(t, data, said)
	checkNamesAreKept(t)
	checkKeys(t, db, dayKey, data, said)
	checkDayEnds(t, db, dayKey, flags, data, said)
}

// exportAll writes all tables of a file.
func exportAll(t *testing.T, db, dir string) {
	t.Helper()
	for _, format := range []string{"csv", "jsonl", "parquet"} {
		for _, what := range []string{"clusters", "months", "days", "series"} {
			succeed(t, "export", "--db", db, "--what", what, "--format", format, "-o", filepath.Join(dir, what+"."+format))
		}
	}
}

// searchAll looks for what must be nowhere.
func searchAll(t *testing.T, sent int, folders ...string) {
	t.Helper()
	found := search(t, secretNeedles, folders...)
	if len(found) > 0 {
		t.Errorf("found: %q", found)
	}
	files, size := 0, 0
	for _, dir := range folders {
		n, bytes := weigh(t, dir)
		files, size = files+n, size+bytes
	}
	t.Logf("%d strings looked for, after %d reports, in %d files of %d bytes; found: %d", len(secretNeedles), sent, files, size, len(found))
}

// checkSearch sees that the search finds what is there, in each place.
func checkSearch(t *testing.T, data, said string) {
	t.Helper()
	found := strings.Join(search(t, map[string][]byte{"kept": []byte("synapse_total_users"), "forwarded": []byte("coroot_page_views"), "own": []byte("kubeatlas_packs")}, data, said), "\n")
	for _, want := range []string{
		"kept in " + data + "/telemetry.db", "kept compressed in " + data + "/telemetry.db", "kept in " + data + "/copy.db", "own in " + data + "/telemetry.db",
		"kept in " + data + "/snapshots/synapse/rollups", "own in " + data + "/snapshots/kubeatlas/rollups", "kept in " + data + "/series.csv",
		"kept in " + data + "/series.jsonl", "forwarded in " + said + "/sink",
	} {
		if !strings.Contains(found, want) {
			t.Errorf("the search does not find what is %s…; it finds\n%s", want, found)
		}
	}
}

// checkNamesAreKept sees that they are found where an operator has asked for them.
func checkNamesAreKept(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	server := startServer(t, dir, append([]string{"--synapse-keep-names"}, takeAll...)...)
	postSecrets(t, server)
	server.stop(t, syscall.SIGTERM)
	found := search(t, secretNeedles, dir)
	if !slices.Contains(found, "the word in "+filepath.Join(dir, "telemetry.db")) {
		t.Errorf("with --synapse-keep-names the search finds %q", found)
	}
	for _, where := range found {
		if strings.HasPrefix(where, "the digits") {
			t.Errorf("with --synapse-keep-names: %s", where)
		}
	}
}

// weigh counts the files below a folder and their bytes.
func weigh(t *testing.T, dir string) (files, size int) {
	t.Helper()
	kept := make(map[string][]byte)
	readAll(t, dir, kept)
	for name, content := range kept {
		if !strings.HasSuffix(name, ", packed") && name != "names" {
			files, size = files+1, size+len(content)
		}
	}
	return files, size
}
