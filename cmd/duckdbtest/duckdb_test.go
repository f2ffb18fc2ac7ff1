package duckdbtest

import (
	"database/sql"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	_ "github.com/marcboeker/go-duckdb"
)

// figures are those of a month.
type figures struct {
	Clusters  int64            `json:"clusters"`
	Nodes     int64            `json:"total_nodes"`
	Tenants   int64            `json:"total_tenants"`
	Apps      map[string]int64 `json:"apps"`
	Confirmed int64            `json:"confirmed_clusters"`
}

// programs builds the server and loadgen and returns the folder that has them.
func programs(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", bin+"/", "./cmd/cozy-telemetry-server", "./cmd/loadgen")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return bin
}

// execute runs a program and returns what it prints.
func execute(t *testing.T, dir, program string, args ...string) string {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v: %s", program, args, err, errs.String())
	}
	return string(out)
}

// serve starts a server on a file and returns its two addresses.
func serve(t *testing.T, server, db string, flags ...string) (public, admin string) {
	t.Helper()
	cmd := exec.Command(server, append([]string{
		"--forward-url=", "--vmselect-url=", "--apps-url=", "--snapshot-dir=", "--limits=off",
		"--listen-addr=127.0.0.1:0", "--admin-addr=localhost:0", "--db-path=" + db,
	}, flags...)...)
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	lines := json.NewDecoder(log)
	for {
		var line struct{ Message, Public, Admin string }
		if err := lines.Decode(&line); err != nil {
			t.Fatal(err)
		}
		if line.Message == "serving" {
			go func() { _, _ = io.Copy(io.Discard, log) }()
			return line.Public, line.Admin
		}
	}
}

func monthOf(t *testing.T, answer string) figures {
	t.Helper()
	var a struct{ Periods struct{ Month figures } }
	if err := json.Unmarshal([]byte(answer), &a); err != nil {
		t.Fatalf("%v: %s", err, answer)
	}
	maps.DeleteFunc(a.Periods.Month.Apps, func(_ string, n int64) bool { return n == 0 })
	return a.Periods.Month
}

// A month that a server has served, the overview from a copy of its file, and the
// tables of that copy added up by DuckDB: all have the same figures.
func TestServedMonthInDuckDB(t *testing.T) {
	bin := programs(t)
	server := filepath.Join(bin, "cozy-telemetry-server")
	dir := t.TempDir()
	public, admin := serve(t, server, filepath.Join(dir, "telemetry.db"))
	execute(t, dir, filepath.Join(bin, "loadgen"), "--clusters", "500", "--url", public)
	now := time.Now().UTC()
	time.Sleep(1100 * time.Millisecond) // for a second the rollups' answer may be an older one
	resp, err := http.Get(public + now.Format("/api/overview?year=2006&month=01"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	served := monthOf(t, string(body))
	if served.Clusters != 500 {
		t.Fatalf("served %+v", served)
	}
	execute(t, dir, server, "backup", "--admin-addr", strings.TrimPrefix(admin, "http://"), "-o", "copy.db")
	month := now.Format("2006-01")
	if got := monthOf(t, execute(t, dir, server, "overview", "--db", "copy.db", "--month", month)); !same(got, served) {
		t.Errorf("the copy says\n%+v, the server\n%+v", got, served)
	}
	for _, format := range []string{"parquet", "csv", "jsonl"} {
		table := filepath.Join(dir, "months."+format)
		execute(t, dir, server, "export", "--db", "copy.db", "--what", "months", "--format", format, "-o", table)
		if got := sumUp(t, table, served.Apps); !same(got, served) {
			t.Errorf("DuckDB finds in %s\n%+v, the server said\n%+v", format, got, served)
		}
	}
}

func same(a, b figures) bool {
	return a.Clusters == b.Clusters && a.Nodes == b.Nodes && a.Tenants == b.Tenants && a.Confirmed == b.Confirmed && maps.Equal(a.Apps, b.Apps)
}

// sumUp makes the figures of a month of a table of months.
func sumUp(t *testing.T, table string, apps map[string]int64) figures {
	t.Helper()
	db := open(t)
	f := figures{Apps: map[string]int64{}}
	row := db.QueryRow(`SELECT count(*) FILTER (info_days > 0), count(*) FILTER (info_days >= 7),
		sum(nodes)::BIGINT, sum(tenants)::BIGINT FROM '` + table + `'`)
	if err := row.Scan(&f.Clusters, &f.Confirmed, &f.Nodes, &f.Tenants); err != nil {
		t.Fatal(err)
	}
	for app := range apps {
		var n int64
		column := "app_" + strings.ReplaceAll(strings.ToLower(app), "-", "_")
		if err := db.QueryRow("SELECT sum(" + column + ")::BIGINT FROM '" + table + "'").Scan(&n); err != nil {
			t.Fatal(err)
		}
		f.Apps[app] = n
	}
	return f
}

func open(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

var sqlBlock = regexp.MustCompile("(?s)```sql\n(.*?)```")

// The queries of docs/export.md run on the tables that the
// commands write, and find something. The columns have the types that the page says.
func TestDocumentedQueries(t *testing.T) {
	bin := programs(t)
	server := filepath.Join(bin, "cozy-telemetry-server")
	dir := t.TempDir()
	execute(t, dir, filepath.Join(bin, "loadgen"), "db", "--clusters", "60", "--months", "2", "--full", "-o", "copy.db")
	for _, what := range []string{"clusters", "months", "days", "series"} {
		execute(t, dir, server, "export", "--db", "copy.db", "--what", what, "--format", "parquet", "-o", what+".parquet")
	}
	homeserver(t, server, filepath.Join(dir, "synapse.db"))
	execute(t, dir, server, "export", "--db", "synapse.db", "--product", "synapse", "--what", "months", "--format", "parquet", "-o", "synapse-months.parquet")
	text, err := os.ReadFile("../../docs/export.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	t.Chdir(dir) // the queries name files of it
	db := open(t)
	queries := sqlBlock.FindAllStringSubmatch(page, -1)
	if len(queries) < 3 {
		t.Fatalf("the page has %d queries", len(queries))
	}
	for _, q := range queries {
		rows, err := db.Query(q[1])
		if err != nil {
			t.Errorf("%s\n%v", q[1], err)
			continue
		}
		if !rows.Next() {
			t.Errorf("%s\nfinds nothing: %v", q[1], rows.Err())
		}
		rows.Close()
	}
	for _, what := range []string{"clusters", "months", "days", "series"} {
		checkTypes(t, db, what, page)
	}
}

// homeserver makes a file with a report of Synapse.
func homeserver(t *testing.T, server, db string) {
	t.Helper()
	public, admin := serve(t, server, filepath.Join(t.TempDir(), "telemetry.db"), "--products=synapse")
	body, err := os.Open("../../product/synapse/testdata/synapse.json")
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	req, err := http.NewRequest(http.MethodPut, public+"/report-usage-stats/push", body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("the report: %v, %v", resp, err)
	}
	resp.Body.Close()
	execute(t, filepath.Dir(db), server, "backup", "--admin-addr", strings.TrimPrefix(admin, "http://"), "-o", db)
}

// checkTypes holds the columns of a table against the page: the names that it lists
// under the table's head, where app_* stands for all that begin with app_.
func checkTypes(t *testing.T, db *sql.DB, what, page string) {
	t.Helper()
	documented := map[string]string{}
	for line := range strings.Lines(page) {
		cells := strings.Split(strings.ReplaceAll(line, "`", ""), "|")
		if len(cells) < 5 {
			continue
		}
		for table := range strings.SplitSeq(strings.TrimSpace(cells[2]), ", ") {
			if table == what {
				documented[strings.TrimSpace(cells[1])] = strings.TrimSpace(cells[3])
			}
		}
	}
	rows, err := db.Query("SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM '" + what + ".parquet')")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	seen := map[string]bool{}
	for rows.Next() {
		var name, kind string
		if err := rows.Scan(&name, &kind); err != nil {
			t.Fatal(err)
		}
		for _, prefix := range []string{"app_", "capacity_"} {
			if strings.HasPrefix(name, prefix) {
				name = prefix + "*"
			}
		}
		if documented[name] != kind {
			t.Errorf("%s: %s is %s, the page says %q", what, name, kind, documented[name])
		}
		seen[name] = true
	}
	for name := range documented {
		if !seen[name] {
			t.Errorf("%s: the page has %s, the table has not", what, name)
		}
	}
}
