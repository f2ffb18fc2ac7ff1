package deploy

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"testing"
	"time"
)

// start runs a program until the test ends, and waits until url answers 200.
func start(t *testing.T, url string, cmd *exec.Cmd) {
	t.Helper()
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait() // it is killed in the end
		close(exited)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // an error means that it is gone
		<-exited
	})
	for range 600 {
		select {
		case <-exited:
			t.Fatalf("%s ended:\n%s", cmd, &output)
		case <-time.After(50 * time.Millisecond):
		}
		if resp, err := http.Get(url); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
	}
	t.Fatalf("%s: %s never answered", cmd, url)
}

// freeAddr is an address of this machine that was free a moment ago.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// victoria is a real VictoriaMetrics.
type victoria struct{ url string }

// startVictoria starts one that shows samples as soon as they are flushed.
func startVictoria(t *testing.T, args ...string) victoria {
	t.Helper()
	addr := freeAddr(t)
	args = append([]string{
		"-storageDataPath=" + t.TempDir(), "-httpListenAddr=" + addr, "-retentionPeriod=24",
		"-search.latencyOffset=0s", "-search.disableCache", "-loggerLevel=ERROR",
	}, args...)
	v := victoria{"http://" + addr}
	start(t, v.url+"/health", exec.Command("victoria-metrics", args...))
	return v
}

func (v victoria) flush(t *testing.T) {
	t.Helper()
	get(t, v.url+"/internal/force_flush")
}

// result is one series of a query's answer.
type result struct {
	Metric map[string]string
	Value  []any
	Values []any
}

// query asks an instant query, or a range query if the parameters have a start.
func (v victoria) query(t *testing.T, expr string, parameters url.Values) []result {
	t.Helper()
	path := "/api/v1/query?"
	if parameters.Has("start") {
		path = "/api/v1/query_range?"
	}
	parameters.Set("query", expr)
	var answer struct {
		Status string
		Data   struct{ Result []result }
	}
	text := get(t, v.url+path+parameters.Encode())
	if err := json.Unmarshal(text, &answer); err != nil || answer.Status != "success" {
		t.Fatalf("%s: %v: %s", expr, err, text)
	}
	return answer.Data.Result
}

// get returns the answer of a GET, which must be a 2xx.
func get(t *testing.T, url string) []byte {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	return body(t, resp)
}

// post sends text, with a cluster's id if it is a report.
func post(t *testing.T, url, cluster string, text []byte) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if cluster != "" {
		req.Header.Set("X-Cluster-ID", cluster)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body(t, resp)
}

func body(t *testing.T, resp *http.Response) []byte {
	t.Helper()
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode/100 != 2 {
		t.Fatalf("%s: %s, %v: %s", resp.Request.URL, resp.Status, err, text)
	}
	return text
}

// eventually tries until it works, for half a minute.
func eventually(t *testing.T, what string, try func() bool) {
	t.Helper()
	for range 300 {
		if try() {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("it never happened: " + what)
}
