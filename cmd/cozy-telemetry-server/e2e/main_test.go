package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/program"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/repotest"
)

// TestMain lets the test binary stand in for the real one: under the program's
// name it is the program.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){cli.Name: program.Main})
}

// TestScripts runs the program as users meet it; see testdata/script.
func TestScripts(t *testing.T) {
	payloads, err := filepath.Abs(filepath.Join(repotest.Root, "testdata"))
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("PAYLOADS", payloads)
			e.Setenv("OVERVIEW", "/api/overview?"+time.Now().UTC().Format("year=2006&month=01"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"await":   awaitServing,
			"request": request,
		},
	})
}

// awaitServing waits until the server whose log is a file says that it serves,
// and puts its addresses into $URL and $ADMIN: await LOGFILE.
func awaitServing(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: await LOGFILE")
	}
	urls, err := awaitURLs(ts.MkAbs(args[0]), nil)
	ts.Check(err)
	ts.Setenv("URL", urls.Public)
	ts.Setenv("ADMIN", urls.Admin)
}

// request sends a request and prints status line, headers and body; with ! the
// answer must not be 2xx: request METHOD URL [FILE [HEADER...]].
func request(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: request METHOD URL [FILE [HEADER...]]")
	}
	var body io.Reader
	if len(args) > 2 {
		body = strings.NewReader(ts.ReadFile(args[2]))
	}
	req, err := http.NewRequest(args[0], args[1], body)
	ts.Check(err)
	for _, h := range args[min(3, len(args)):] {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	ts.Check(err)
	fmt.Fprintln(ts.Stdout(), resp.Status)
	ts.Check(resp.Header.Write(ts.Stdout()))
	fmt.Fprintf(ts.Stdout(), "\n%s", text)
	if ok := resp.StatusCode/100 == 2; ok == neg {
		ts.Fatalf("%s %s: %s", args[0], args[1], resp.Status)
	}
}

// serving is what a server's log says of its addresses.
type serving struct{ Message, Public, Admin string }

// A server's log is read this often until it serves, for 10 s: more often than other
// things are looked after, since every test waits for a start.
const (
	readEvery = 10 * time.Millisecond
	reads     = 1000
)

// awaitURLs reads a server's log until it names its addresses, for 10 s or until
// the server has exited.
func awaitURLs(log string, exited <-chan struct{}) (serving, error) {
	for range reads {
		text, err := os.ReadFile(log)
		if err != nil && !os.IsNotExist(err) {
			return serving{}, err
		}
		for line := range strings.Lines(string(text)) {
			var s serving
			if json.Unmarshal([]byte(line), &s) == nil && s.Message == "serving" {
				return s, nil
			}
		}
		select {
		case <-exited:
			return serving{}, fmt.Errorf("%s: the server ended before it served", log)
		case <-time.After(readEvery):
		}
	}
	return serving{}, fmt.Errorf("%s does not say that the server serves", log)
}
