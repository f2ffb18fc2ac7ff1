package serve

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/repotest"
)

// TestReadmeExample sends what the README sends and gets what it shows: of the
// answer, which the golden file has whole, its first period to the byte.
func TestReadmeExample(t *testing.T) {
	public := httptest.NewServer(newTestServer(t).public())
	defer public.Close()
	for _, payload := range []string{"operator-v1.prom", "controller-v1.prom"} {
		body := strings.NewReader(repotest.Read(t, "testdata/"+payload))
		req, err := http.NewRequest(http.MethodPost, public.URL+"/", body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Cluster-ID", "my-cluster")
		if status, text := do(t, req); status != http.StatusOK || text != "" {
			t.Fatalf("%s: %d %q", payload, status, text)
		}
	}
	req, err := http.NewRequest(http.MethodGet, public.URL+"/api/overview?year=2026&month=3", nil)
	if err != nil {
		t.Fatal(err)
	}
	status, text := do(t, req)
	var indented bytes.Buffer
	if err := json.Indent(&indented, []byte(text), "", "  "); err != nil || status != http.StatusOK {
		t.Fatalf("%d %q: %v", status, text, err)
	}
	golden, err := os.ReadFile("testdata/readme-overview.json")
	if err != nil {
		t.Fatal(err)
	}
	if got := indented.String(); got != string(golden) {
		t.Errorf("the answer is\n%s\nand not the golden file's\n%s", got, golden)
	}
	if shown := firstPeriod(t, text); !strings.Contains(repotest.Read(t, "README.md"), "\n```json\n"+shown+"\n```\n") {
		t.Errorf("README.md does not show\n%s", shown)
	}
}

// firstPeriod returns the month of an overview's answer, indented.
func firstPeriod(t *testing.T, answer string) string {
	t.Helper()
	var parsed struct{ Periods map[string]json.RawMessage }
	var indented bytes.Buffer
	if err := json.Unmarshal([]byte(answer), &parsed); err != nil {
		t.Fatal(err)
	}
	if err := json.Indent(&indented, parsed.Periods["month"], "", "  "); err != nil {
		t.Fatal(err)
	}
	return indented.String()
}
