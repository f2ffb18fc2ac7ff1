package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/program"
)

// A web page reaches the private listener of an operator who forwards its port: by a
// name of its own that leads there (DNS rebinding), or across sites. It is refused, and
// nothing of the file leaves.
func TestA6WebPageAtThePrivateListener(t *testing.T) {
	server := startServer(t, t.TempDir(), "--admin-hosts=telemetry-admin,telemetry-admin.monitoring.svc")
	server.post(t, "canary-cluster", "cozy_cluster_info 1\n")
	for _, path := range []string{"GET /", "GET /style.css", "GET /anomalies", "GET /forget", "POST /forget", "GET /backup", "GET /metrics", "GET /backfill", "POST /backfill?from=2026-01&to=2026-01", "GET /exclude", "POST /exclude", "POST /include", "GET /debug/pprof/", "GET /nowhere"} {
		for host, allowed := range map[string]bool{
			"127.0.0.1": true, "127.0.0.1:8082": true, "10.1.2.3:80": true, "[::1]": true, "[::1]:8082": true, "[fd00::1]:9": true,
			"localhost": true, "LOCALHOST:8082": true, "localhost.:8082": true,
			"telemetry-admin:8082": true, "Telemetry-Admin.monitoring.svc.": true,
			"evil.example": false, "evil.example:8082": false, "localhost.evil.example": false, "127.0.0.1.evil.example:8082": false,
			"telemetry-admin.evil.example": false, "2130706433": false, "0x7f.1": false, "[evil.example]:80": false, "": false, ":8082": false,
		} {
			if allowed == askAsPage(t, server, path, host, nil) {
				t.Errorf("%s for the host %q: refused is %v", path, host, allowed)
			}
		}
		for _, across := range []map[string]string{
			{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
			{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:3000"},
		} {
			if !askAsPage(t, server, path, "127.0.0.1:8082", across) {
				t.Errorf("%s across sites, %v, is answered", path, across)
			}
		}
		for _, within := range []map[string]string{{"Sec-Fetch-Site": "none"}, {"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://127.0.0.1:8082"}} {
			if askAsPage(t, server, path, "127.0.0.1:8082", within) {
				t.Errorf("%s within the site, %v, is refused", path, within)
			}
		}
	}
}

// askAsPage sends a request as a browser would, and tells whether it was refused. A
// refusal must be one, and have nothing of the file.
func askAsPage(t *testing.T, p *process, request, host string, header map[string]string) (refused bool) {
	t.Helper()
	fields := ""
	for name, value := range header {
		fields += fmt.Sprintf("%s: %s\r\n", name, value)
	}
	text := send(t, p.adminAddr(), fmt.Sprintf("%s HTTP/1.1\r\nHost: %s\r\n%sConnection: close\r\n\r\n", request, host, fields))
	if !strings.Contains(text, "\r\nX-Content-Type-Options: nosniff\r\n") {
		t.Errorf("%s for %q has no nosniff: %.200s", request, host, text)
	}
	if status(text) != "403" {
		return false
	}
	if _, body, _ := strings.Cut(text, "\r\n\r\n"); !strings.HasPrefix(body, `{"error":"`) || len(body) > 200 || strings.Contains(text, "canary") {
		t.Errorf("%s for %q is refused with %q", request, host, text)
	}
	return true
}

// With a token file, whoever has not its token gets nothing; the commands bring it.
func TestTokenOfThePrivateListener(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	right, wrong := file("right", "an-uncommonly-good-token\n"), file("wrong", "an-uncommonly-good-tokem\n")
	server := startServer(t, dir, "--admin-token-file="+right)
	for _, authorization := range []string{"", "Bearer", "Bearer ", "Bearer an-uncommonly-good-tokem", "Basic an-uncommonly-good-token", "Bearer an-uncommonly-good-token2"} {
		for _, path := range []string{"/", "/metrics", "/backup", "/backfill", "/debug/pprof/", "/nowhere"} {
			if status, text := askWith(t, server.Admin+path, authorization); status != http.StatusUnauthorized || !strings.HasPrefix(text, `{"error":"`) {
				t.Errorf("%s with %q: %d %s", path, authorization, status, text)
			}
		}
	}
	for _, authorization := range []string{"Bearer an-uncommonly-good-token", "bearer an-uncommonly-good-token"} {
		if status, _ := askWith(t, server.Admin+"/metrics", authorization); status != http.StatusOK {
			t.Errorf("%q: %d", authorization, status)
		}
	}
	out := filepath.Join(dir, "copy.db")
	months := []string{"backfill", "--from", "2026-01", "--to", "2026-01", "--admin-addr", server.adminAddr()}
	for _, token := range [][]string{nil, {"--admin-token-file", wrong}} {
		if r := command(t, append([]string{"backup", "--admin-addr", server.adminAddr(), "-o", out}, token...)...); r.code != program.ExitFailure || !strings.Contains(r.errs, "--admin-token-file") {
			t.Errorf("backup %q: %+v", token, r)
		}
		if r := command(t, append(months, token...)...); r.code != program.ExitFailure || !strings.Contains(r.errs, "--admin-token-file") {
			t.Errorf("backfill %q: %+v", token, r)
		}
	}
	succeed(t, "backup", "--admin-addr", server.adminAddr(), "--admin-token-file", right, "-o", out)
	if r := command(t, append(months, "--admin-token-file", right)...); !strings.Contains(r.errs, "no --vmselect-url to take from") {
		t.Errorf("backfill with the token: %+v", r)
	}
	if log := server.logged(t); strings.Contains(log, "uncommonly") {
		t.Errorf("the token is in the log: %s", log)
	}
}

// A token that can't protect anything stops the start before a file is made.
func TestTokenFilesThatAreRefused(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"empty": "", "blank": "\n \n", "short": "secret", "spaced": "an uncommonly good token", "long": strings.Repeat("x", 5000)} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		checkTokenRefused(t, dir, path)
	}
	checkTokenRefused(t, dir, filepath.Join(dir, "none"))
}

func checkTokenRefused(t *testing.T, dir, path string) {
	t.Helper()
	r := command(t, serverFlags(dir, "--admin-token-file="+path)...)
	if r.code != program.ExitFailure || !strings.Contains(r.errs, "--admin-token-file: ") || strings.Contains(r.errs, "uncommonly") {
		t.Errorf("%s: %+v", path, r)
	}
	if _, err := os.Stat(filepath.Join(dir, "telemetry.db")); err == nil {
		t.Errorf("%s: a database was made", path)
	}
}

// askWith sends a GET with an Authorization.
func askWith(t *testing.T, url, authorization string) (status int, text string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
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
