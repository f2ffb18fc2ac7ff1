package e2e

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/program"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Figures that the rollups do not have any more are a problem; more than they had
// is none.
func TestVerifyHoldsFiguresAgainstRollups(t *testing.T) {
	t.Parallel()
	db, _ := mirrored(t)
	month := thisMonth() - 1
	change := func(figure func(*rollup.Snapshot) *int64, by int64) {
		t.Helper()
		file, err := bolt.Open(db, 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		err = file.Update(func(tx *bolt.Tx) error {
			b, key := tx.Bucket([]byte("snapshots")).Bucket([]byte("cozystack")), []byte(month.String())
			var snap rollup.Snapshot
			if err := json.Unmarshal(b.Get(key), &snap); err != nil {
				return err
			}
			*figure(&snap) += by
			v, err := json.Marshal(snap)
			return errors.Join(err, b.Put(key, v))
		})
		if err = errors.Join(err, file.Close()); err != nil {
			t.Fatal(err)
		}
	}
	clusters := func(s *rollup.Snapshot) *int64 { return &s.Clusters }
	change(clusters, -1)
	if out := succeed(t, "verify", "--db", db); !strings.Contains(out, "note: snapshot of "+month.String()+": the rollups have more") {
		t.Errorf("more in the rollups: %s", out)
	}
	change(clusters, 2)
	if r := command(t, "verify", "--db", db); r.code != program.ExitFailure || !strings.Contains(r.out, "problem: snapshot of "+month.String()+": the rollups count less: clusters") {
		t.Errorf("less in the rollups: %+v", r)
	}
	change(clusters, -1)
	change(func(s *rollup.Snapshot) *int64 { return &s.Confirmed.TotalNodes }, 1)
	if r := command(t, "verify", "--db", db); r.code != program.ExitFailure || !strings.Contains(r.out, "the rollups count less: total_nodes of confirmed") {
		t.Errorf("less of confirmed in the rollups: %+v", r)
	}
}

// What the store's own check finds is printed.
func TestVerifyTellsOfDamage(t *testing.T) {
	db := filepath.Join(t.TempDir(), "t.db")
	s := openStore(t, db)
	if err := errors.Join(s.PutAppList(t.Context(), []byte("{")), s.Close()); err != nil {
		t.Fatal(err)
	}
	if r := command(t, "verify", "--db", db); r.code != program.ExitFailure || !strings.Contains(r.out, "problem: snapshot: ") || !strings.Contains(r.errs, "1 problem found") {
		t.Errorf("verify says %+v", r)
	}
}
