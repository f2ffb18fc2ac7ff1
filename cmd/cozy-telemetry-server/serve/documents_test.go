package serve

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/pflag"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
)

func (s *server) page(t *testing.T, path string) string {
	t.Helper()
	answer := httptest.NewRecorder()
	s.public().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
	if answer.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", path, answer.Code, answer.Body)
	}
	return answer.Body.String()
}

// The page on privacy has the values of the server that shows it.
func TestPrivacyPageHasTheFlags(t *testing.T) {
	now := func() time.Time { return readmeTime }
	s := newServerAt(t, filepath.Join(t.TempDir(), "telemetry.db"), now, allProducts, "--rollup-retention=45d", "--month-retention=3y",
		"--kubeatlas-retention=30d", "--backup-dir="+t.TempDir(), "--backup-keep=3", "--metric-allow=cozy_a*,cozy_b", "--min-share=9", "--forward-url=http://user:secret@127.0.0.1:1/x")
	defer s.close()
	page := s.page(t, "/privacy")
	for _, want := range []string{
		"cozystack, synapse, coroot, kubeatlas", "<code>cozy_a*</code>, <code>cozy_b</code>", "for 45d", "for 3y", "for 30d", "the newest 3", "<td>9</td>",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("/privacy lacks %s", want)
		}
	}
	if strings.Contains(page, "secret") || strings.Contains(page, "127.0.0.1:1") {
		t.Error("/privacy tells where samples go")
	}
	other := newServerAt(t, filepath.Join(t.TempDir(), "telemetry.db"), now, "--rollup-retention=0", "--month-retention=0")
	defer other.close()
	if page := other.page(t, "/privacy"); !strings.Contains(page, "for ever") || strings.Contains(page, "days of KubeAtlas</td>") {
		t.Error("/privacy has the values of another server")
	}
}

// The file of corrections is read again when it changes. When it can't be, that is told once,
// and the last text stays.
func TestNotes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notes.md")
	at := readmeTime
	write := func(text string) {
		t.Helper()
		at = at.Add(time.Second)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	write("March was *too high*.")
	s := newServerAt(t, filepath.Join(t.TempDir(), "telemetry.db"), func() time.Time { return readmeTime }, "--notes="+path)
	defer s.close()
	var log bytes.Buffer
	n, err := openNotes(path, zerolog.New(&log))
	if err != nil {
		t.Fatal(err)
	}
	if page := s.page(t, "/counting"); !strings.Contains(page, "March was <em>too high</em>.") {
		t.Error("/counting lacks the notes")
	}
	write("March was *too high*!")
	if page := s.page(t, "/counting"); !strings.Contains(page, "<em>too high</em>!") {
		t.Error("/counting lacks the new notes")
	}
	n.now()
	told := 0
	for _, wrong := range []func(){
		func() { write(strings.Repeat("x", mostNotes+1)) },
		func() { write("April\xff") },
		func() { _ = os.Remove(path) },
		func() { _ = os.Mkdir(path, 0o700) },
	} {
		log.Reset()
		wrong()
		for range 3 {
			if text := string(n.now()); text != "March was *too high*!" {
				t.Errorf("the notes are %.50q", text)
			}
		}
		told += strings.Count(log.String(), "can't be read")
	}
	if told != 1 {
		t.Errorf("it is told %d times", told)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	write("April.")
	if text := string(n.now()); text != "April." {
		t.Errorf("the notes are %q", text)
	}
}

// A file of corrections that can't be read at the start is a mistake of the flag.
func TestNotesAtTheStart(t *testing.T) {
	folder := t.TempDir()
	long := filepath.Join(folder, "long.md")
	if err := os.WriteFile(long, make([]byte, mostNotes+1), 0o600); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(folder, "binary.md")
	if err := os.WriteFile(binary, []byte{0xff}, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		binary:                           "--notes: " + binary + " is no text in UTF-8",
		filepath.Join(folder, "none.md"): "--notes: stat " + filepath.Join(folder, "none.md") + ": no such file or directory",
		folder:                           "--notes: " + folder + " is no file",
		long:                             "--notes: " + long + " is larger than 256 KiB",
	} {
		var cfg Config
		f := pflag.NewFlagSet(cli.Name, pflag.ContinueOnError)
		cfg.Bind(f)
		db := filepath.Join(t.TempDir(), "telemetry.db")
		if err := f.Parse([]string{"--forward-url=", "--vmselect-url=", "--apps-url=", "--snapshot-dir=", "--db-path=" + db, "--notes=" + path}); err != nil {
			t.Fatal(err)
		}
		_, err := newServer(cfg, cli.Environment{Stderr: io.Discard, Now: func() time.Time { return readmeTime }}, zerolog.Nop())
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
}

// A browser that opens an address which is none gets a page, and a program JSON.
func TestUnknownAddressesInBrowsers(t *testing.T) {
	s := newServerAt(t, filepath.Join(t.TempDir(), "telemetry.db"), func() time.Time { return readmeTime })
	defer s.close()
	for _, tt := range []struct{ path, accept, begins, policy string }{
		{"/nothing", "text/html,application/xml;q=0.9,*/*;q=0.8", "<!doctype html>", "default-src 'none'; script-src 'self'"},
		{"/nothing", "*/*", `{"error":"Not Found"}`, "default-src 'none'; frame-ancestors 'none'"},
		{"/api/nothing", "text/html", `{"error":"Not Found"}`, "default-src 'none'; frame-ancestors 'none'"},
	} {
		req, answer := httptest.NewRequest(http.MethodGet, tt.path, nil), httptest.NewRecorder()
		req.Header.Set("Accept", tt.accept)
		s.public().ServeHTTP(answer, req)
		if policy := answer.Header().Get("Content-Security-Policy"); answer.Code != http.StatusNotFound || !strings.HasPrefix(answer.Body.String(), tt.begins) || !strings.HasPrefix(policy, tt.policy) {
			t.Errorf("%s for %s: %d, %s, %s", tt.path, tt.accept, answer.Code, policy, answer.Body)
		}
	}
}
