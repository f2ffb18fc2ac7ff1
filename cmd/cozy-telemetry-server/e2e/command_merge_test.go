package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/program"
	"github.com/cozystack/cozystack-telemetry-server/overview/mirror"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// days returns all days of a file, as lines of the mirror.
func days(t *testing.T, db string) string {
	t.Helper()
	s, err := store.OpenReadOnly(db)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	versions, err := s.DayVersions("cozystack")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for date := rollup.Date(0); date < rollup.DateOf(time.Now())+2; date++ {
		if _, ok := versions[date]; !ok {
			continue
		}
		err := s.Instances(t.Context(), date, func(product, instance string, d rollup.Day) error {
			line, err := mirror.EncodeLine(product, instance, d)
			fmt.Fprintf(&all, "%s %s\n", date, line)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all.String()
}

// Two servers that each saw half of the reports, and some both: their files merged
// are the file of the server that saw all. A file merged with itself is itself.
func TestMergedHalvesAreTheWhole(t *testing.T) {
	var dirs [3]string
	var servers [3]*process
	for i := range dirs {
		dirs[i] = t.TempDir()
		servers[i] = startServer(t, dirs[i], "--limits=off")
	}
	all, a, b := servers[0], servers[1], servers[2]
	for i := range 30 {
		cluster := fmt.Sprintf("%08x-0000-0000-0000-000000000000", i%12)
		body := fmt.Sprintf("cozy_cluster_info{v=\"%d\"} 1\ncozy_nodes_count{kernel=\"%d\"} %d\ncozy_application_count{kind=\"Redis\"} %d\n", i%3, i%2, 1+i%7, i)
		all.post(t, cluster, body)
		if i%2 == 0 || i%5 == 0 {
			a.post(t, cluster, body)
		}
		if i%2 == 1 || i%5 == 0 {
			b.post(t, cluster, body)
		}
	}
	var files [3]string
	for i, server := range servers {
		server.stop(t, syscall.SIGTERM)
		files[i] = filepath.Join(dirs[i], "telemetry.db")
	}
	out := filepath.Join(t.TempDir(), "merged.db")
	succeed(t, "merge", files[1], files[2], "-o", out)
	whole := days(t, files[0])
	if got := days(t, out); got != whole || strings.Count(got, "\n") != 12 {
		t.Errorf("merged\n%s, one server has\n%s", got, whole)
	}
	month := thisMonth().String()
	if got, want := overviewWithoutTime(t, out, month), overviewWithoutTime(t, files[0], month); got != want {
		t.Errorf("merged\n%s, one server says\n%s", got, want)
	}
	if days(t, files[1]) == whole {
		t.Error("one half has everything")
	}
	succeed(t, "verify", "--db", out)

	twice := filepath.Join(t.TempDir(), "twice.db")
	copied := filepath.Join(t.TempDir(), "copy.db")
	succeed(t, "compact", "--db", files[0], "-o", copied)
	succeed(t, "merge", files[0], copied, "-o", twice)
	if days(t, twice) != whole || days(t, copied) != whole {
		t.Error("a file merged with its copy is another one")
	}
	if r := command(t, "merge", files[1], "-o", out); r.code != program.ExitFailure || !strings.Contains(r.errs, "there is such a file already") {
		t.Errorf("an existing file: %+v", r)
	}
}

func overviewWithoutTime(t *testing.T, db, month string) string {
	t.Helper()
	return generatedAt.ReplaceAllString(succeed(t, "overview", "--db", db, "--month", month), "")
}
