package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/repotest"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// process is the program, running as a process of its own.
type process struct {
	serving
	cmd    *exec.Cmd
	log    string
	exited chan struct{} // closed when the process is gone
}

// startServer starts the program with its data in dir, without any
// VictoriaMetrics and mirror unless flags say otherwise.
func startServer(t *testing.T, dir string, flags ...string) *process {
	t.Helper()
	p := launch(t, exec.Command(cli.Name, serverFlags(dir, flags...)...))
	if err := p.await(); err != nil {
		t.Fatalf("%v:\n%s", err, p.logged(t))
	}
	return p
}

// serverFlags are what startServer starts the program with.
func serverFlags(dir string, flags ...string) []string {
	return append([]string{
		"--forward-url=", "--vmselect-url=", "--apps-url=", "--snapshot-dir=",
		"--listen-addr=127.0.0.1:0", "--admin-addr=localhost:0",
		"--db-path=" + filepath.Join(dir, "telemetry.db"),
	}, flags...)
}

// launch starts a command that is or becomes the program, and does not wait
// until it serves.
func launch(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{cmd: cmd, log: filepath.Join(t.TempDir(), "log"), exited: make(chan struct{})}
	log, err := os.Create(p.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Stderr = log
	// A program with the race detector would sleep for a second before it ends.
	cmd.Env = append(cmd.Environ(), "GORACE=atexit_sleep_ms=0")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = cmd.Wait() // the exit code says it
		close(p.exited)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-p.exited
	})
	return p
}

// await waits until the program serves. It is an error if it ends before.
func (p *process) await() (err error) {
	p.serving, err = awaitURLs(p.log, p.exited)
	return err
}

// logged returns what the program has logged.
func (p *process) logged(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(p.log)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// stop ends the program with a signal and returns its exit code, -1 if it was
// killed.
func (p *process) stop(t *testing.T, sig syscall.Signal) int {
	t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	<-p.exited
	return p.cmd.ProcessState.ExitCode()
}

// post sends a report and fails unless it is accepted.
func (p *process) post(t *testing.T, cluster, body string) {
	t.Helper()
	if status, err := p.tryPost(cluster, body); err != nil || status != http.StatusOK {
		t.Fatalf("a report of %s: %d, %v:\n%s", cluster, status, err, p.logged(t))
	}
}

// tryPost sends a report and returns the answer's status.
func (p *process) tryPost(cluster, body string) (status int, err error) {
	req, err := http.NewRequest(http.MethodPost, p.Public, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("X-Cluster-ID", cluster)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

// month is what the overview says of one period.
type month struct {
	Clusters     int64            `json:"clusters"`
	TotalNodes   int64            `json:"total_nodes"`
	TotalTenants int64            `json:"total_tenants"`
	Apps         map[string]int64 `json:"apps"`
	Source       rollup.Source    `json:"source"`
}

// overview asks for a month and returns its figures, apps of 0 left out.
func (p *process) overview(t *testing.T, id rollup.MonthID) month {
	t.Helper()
	var answer struct {
		Periods struct{ Month month } `json:"periods"`
	}
	url := p.Public + id.Start().Format("/api/overview?year=2006&month=1")
	getJSON(t, url, &answer)
	m := answer.Periods.Month
	for app, n := range m.Apps {
		if n == 0 {
			delete(m.Apps, app)
		}
	}
	return m
}

// shows waits until the running month shows the figures: what the rollups have
// said may be a second old, and VictoriaMetrics remembers for 10 s which series
// there were when a query was made.
func (p *process) shows(t *testing.T, want month) {
	t.Helper()
	var got month
	for range looks {
		if got = p.overview(t, thisMonth()); reflect.DeepEqual(got, want) {
			return
		}
		time.Sleep(lookEvery)
	}
	t.Errorf("the overview shows\n%v, want\n%v", got, want)
}

func getJSON(t *testing.T, url string, v any) {
	t.Helper()
	if err := tryJSON(url, v); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	text, err := tryGet(url)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func tryJSON(url string, v any) error {
	text, err := tryGet(url)
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(text), v); err != nil {
		return fmt.Errorf("%s: %w: %s", url, err, text)
	}
	return nil
}

// tryGet returns the text of an answer with 200.
func tryGet(url string) (string, error) {
	resp, err := http.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", url, resp.Status, text)
	}
	return string(text), err
}

func thisMonth() rollup.MonthID { return rollup.MonthOf(time.Now()) }

// What another process has done is looked after this often, which leaves it the
// processor, for 15 s: a machine may be busy.
const (
	lookEvery = 50 * time.Millisecond
	looks     = 300
)

// eventually tries until it works, for some seconds.
func eventually(t *testing.T, what string, try func() bool) {
	t.Helper()
	for range looks {
		if try() {
			return
		}
		time.Sleep(lookEvery)
	}
	t.Fatal("it never happened: " + what)
}

// metric returns the server's own metric of a name, and of labels if the name has any: the
// sum over all series that have them.
func (p *process) metric(t *testing.T, name string) (sum int) {
	t.Helper()
	metric, labels, _ := strings.Cut(strings.TrimSuffix(name, "}"), "{")
	found := false
	for line := range strings.Lines(get(t, p.Admin+"/metrics")) {
		line = strings.TrimSpace(line)
		behind := strings.LastIndexByte(line, ' ')
		series, value := line[:max(behind, 0)], line[behind+1:]
		of, has, _ := strings.Cut(strings.TrimSuffix(series, "}"), "{")
		if of != "cozy_telemetry_"+metric || labels != "" && !slices.Contains(strings.Split(has, ","), labels) {
			continue
		}
		f, err := strconv.ParseFloat(value, 64)
		if err != nil {
			t.Fatal(err)
		}
		sum, found = sum+int(f), true
	}
	if !found {
		t.Fatalf("there is no metric %s", name)
	}
	return sum
}

func payload(t *testing.T, file string) string {
	t.Helper()
	return repotest.Read(t, "testdata/"+file)
}

func (m month) String() string {
	return fmt.Sprintf("%d clusters, %d nodes, %d tenants, %v from %s", m.Clusters, m.TotalNodes, m.TotalTenants, m.Apps, m.Source)
}

func do(t *testing.T, req *http.Request) (status int, text string) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}
