package e2e

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/anomalies"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/program"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/fleet"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/load"
	"github.com/cozystack/cozystack-telemetry-server/overview/anomaly"
)

// A server that has a fleet's last months tells of a wave of made-up clusters at once:
// the command, the metric and the log, and the command on a backup too.
func TestA10AnomaliesOfAServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := load.DB(t.Context(), load.DBOptions{
		Path: filepath.Join(dir, "telemetry.db"), From: thisMonth() - 3, To: thisMonth(), Every: 24 * time.Hour, Now: time.Now,
		Fleet: fleet.Config{Clusters: 100, UpgradeShare: 0.5, DeathShare: 0.3},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := startServer(t, dir, "--limits=off")
	ask := []string{"anomalies", "--admin-addr", server.adminAddr()}
	if out := succeed(t, ask...); !strings.HasPrefix(out, "no anomalies up to 2") {
		t.Errorf("before the attack: %s", out)
	}
	const made = 60
	for i := range made {
		server.post(t, fmt.Sprintf("made-up-%02d", i), "cozy_cluster_info 1\ncozy_nodes_count 100\n")
	}
	r := command(t, ask...)
	for _, want := range []string{
		"new_ids ", fmt.Sprintf("%d clusters were seen for the first time; up to", made),
		"month ", "alike ", "\n  such as: made-up-00",
		"\n  next: cozy-telemetry-server exclude --like=made-up-00 --first-seen-from ",
	} {
		if !strings.Contains(r.out, want) {
			t.Errorf("%q is not in\n%s", want, r.out)
		}
	}
	if r.code != program.ExitFailure || !strings.HasSuffix(r.errs, "anomalies found\n") {
		t.Errorf("exit code %d, %s", r.code, r.errs)
	}
	for kind, want := range map[string]int{"new_ids": 1, "alike": 1, "share": 0, "refused": 0} {
		if got := server.metric(t, `anomalies{kind="`+kind+`"}`); got != want {
			t.Errorf("%s: %d, want %d", kind, got, want)
		}
	}
	command(t, ask...)
	if log := server.logged(t); strings.Count(log, "there are anomalies") != 1 || strings.Contains(log, "made-up-") {
		t.Errorf("the log has\n%s", log)
	}
	look := anomaliesOfABackup(t, server)
	for _, f := range look.Findings {
		if f.Kind != anomaly.KindAlike {
			continue
		}
		if did := excluding(t, server, append(strings.Fields(f.Next)[1:], "--apply")...); did.Count != made || did.Clusters[0].ID != "made-up-00" {
			t.Errorf("%s has excluded %d clusters", f.Next, did.Count)
		}
	}
	if out := succeed(t, ask...); !strings.HasPrefix(out, "no anomalies up to 2") {
		t.Errorf("after the attack was undone: %s", out)
	}
	if server.metric(t, `anomalies{kind="new_ids"}`) != 0 {
		t.Error("the metric still has the wave")
	}
}

// anomaliesOfABackup holds that a copy says what its server says, also as JSON, and
// returns that.
func anomaliesOfABackup(t *testing.T, server *process) anomalies.Look {
	t.Helper()
	db := filepath.Join(t.TempDir(), "copy.db")
	succeed(t, "backup", "--admin-addr", server.adminAddr(), "-o", db)
	before := fingerprint(t, db)
	var looks [2]anomalies.Look
	for i, where := range [][]string{{"--db", db}, {"--admin-addr", server.adminAddr()}} {
		r := command(t, append([]string{"anomalies", "--json"}, where...)...)
		if err := json.Unmarshal([]byte(r.out), &looks[i]); err != nil || r.code != program.ExitFailure {
			t.Fatalf("%v: exit code %d, %v: %s", where, r.code, err, r.out)
		}
	}
	if a, b := fmt.Sprint(looks[0].Findings), fmt.Sprint(looks[1].Findings); a != b || looks[0].Day != looks[1].Day {
		t.Errorf("the copy has\n%s\nthe server\n%s", a, b)
	}
	if fingerprint(t, db) != before {
		t.Error("the file has changed")
	}
	return looks[0]
}
