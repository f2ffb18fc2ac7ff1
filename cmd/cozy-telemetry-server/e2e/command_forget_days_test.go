package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/program"
)

// Days of all clusters are forgotten in a file at rest: the days have no records any more,
// the months are what the other days make of them, and the rest is as it was.
func TestForgetDays(t *testing.T) {
	db, _ := fleetFile(t)
	last := thisMonth() - 1
	from, to := last.First()+2, last.First()+4
	rows := func() (in, out int) {
		r := succeed(t, "export", "--db", db, "--what", "days", "--format", "jsonl")
		for line := range strings.Lines(r) {
			var row struct{ Date string }
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				t.Fatal(err)
			}
			if row.Date >= from.String() && row.Date <= to.String() {
				in++
			} else {
				out++
			}
		}
		return in, out
	}
	meant, others := rows()
	if meant == 0 {
		t.Fatal("there is none of these days")
	}
	days := []string{"forget", "--db", db, "--from", from.String(), "--to", to.String()}
	if out := succeed(t, append(days, "--dry-run")...); !strings.Contains(out, fmt.Sprintf("with %d records", meant)) {
		t.Errorf("a dry run of %d records says %s", meant, out)
	}
	if in, out := rows(); in != meant || out != others {
		t.Errorf("after a dry run there are %d and %d rows", in, out)
	}
	succeed(t, append(days, "--yes")...)
	if in, out := rows(); in != 0 || out != others {
		t.Errorf("%d rows of these days are left, and %d of %d others", in, out, others)
	}
	succeed(t, "verify", "--db", db)
}

// What does not say clearly what is meant is refused, before anything is read.
func TestForgetRefusesWhatIsNotClear(t *testing.T) {
	server := startServer(t, t.TempDir())
	empty, two := filepath.Join(t.TempDir(), "ids.txt"), filepath.Join(t.TempDir(), "two.txt")
	if err := errors.Join(os.WriteFile(empty, []byte("# none\n"), 0o600), os.WriteFile(two, []byte("a b\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"--cluster: is required":        {},
		"--cluster: it is empty":        {"--cluster", "", "--from", "2026-03-01", "--to", "2026-03-02"},
		"are no days":                   {"--from", "2026-03-01"},
		"the first one before the last": {"--from", "2026-03-02", "--to", "2026-03-01"},
		"give --yes, or --dry-run":      {"--cluster-file", "-"},
		"there is no id in it":          {"--cluster-file", empty, "--from", "2026-03-01", "--to", "2026-03-02"},
		"line 1 is no single id":        {"--cluster-file", two},
	} {
		r := command(t, append([]string{"forget", "--admin-addr", adminOf(server)}, args...)...)
		if r.code == 0 || !strings.Contains(r.errs, want) {
			t.Errorf("%q: got %+v, want %q", args, r, want)
		}
	}
	for body, want := range map[string]int{
		`{}`: http.StatusBadRequest, `{"clusters":["a"],"dryrun":true}`: http.StatusBadRequest, `{"from":"2026-03-01"}`: http.StatusBadRequest,
		`{"clusters":["a"],"dry_run":true}`: http.StatusOK,
	} {
		req, err := http.NewRequest(http.MethodPost, server.Admin+"/forget", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if status, text := do(t, req); status != want {
			t.Errorf("%s: %d %s", body, status, text)
		}
	}
	if r := command(t, "forget", "--admin-addr", adminOf(server), "--cluster", "a", "--yes"); r.code != program.ExitFailure || !strings.Contains(r.errs, "not found: a") {
		t.Errorf("who is not there: %+v", r)
	}
}
