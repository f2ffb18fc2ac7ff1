package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/keys"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/others"
	"github.com/cozystack/cozystack-telemetry-server/product"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// forms are those in which a key may stand.
func forms(key []byte) map[string][]byte {
	return map[string][]byte{
		"raw": key, "hex": []byte(hex.EncodeToString(key)), "HEX": bytes.ToUpper([]byte(hex.EncodeToString(key))),
		"base64": []byte(base64.StdEncoding.EncodeToString(key)),
	}
}

// checkKeys looks for the keys, with which one can try names. That of the file is in it and
// in copies of it alone, that of the day in its own file.
func checkKeys(t *testing.T, db string, dayKey []byte, folders ...string) {
	t.Helper()
	s, err := store.OpenReadOnly(db)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	key, err := s.IdentityKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	allowed := []string{"raw in " + db, "raw in " + filepath.Join(filepath.Dir(db), "copy.db")}
	found := search(t, forms(key), folders...)
	for _, where := range found {
		if !slices.Contains(allowed, where) {
			t.Errorf("the key of the file is found %s", where)
		}
	}
	if len(found) < len(allowed) {
		t.Errorf("the key of the file is only found %q", found)
	}
	for _, where := range search(t, forms(dayKey), folders...) {
		if where != "hex in "+keys.PathFor(db) {
			t.Errorf("the key of the day is found %s", where)
		}
	}
}

// readDayKey returns the key of the day.
func readDayKey(t *testing.T, db string) []byte {
	t.Helper()
	text, err := os.ReadFile(keys.PathFor(db))
	if err != nil {
		t.Fatal(err)
	}
	_, digits, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	key, err := hex.DecodeString(digits)
	if err != nil || len(key) != 32 {
		t.Fatalf("%q: %v", text, err)
	}
	return key
}

// checkDayEnds lets the key be that of yesterday. While it is there, who has a nonce finds
// its record; then it is gone, and its bytes are nowhere.
func checkDayEnds(t *testing.T, db string, dayKey []byte, flags []string, folders ...string) {
	t.Helper()
	id := product.HashName(dayKey, "badc0ffe000000000000000000000077")
	if !slices.Contains(sessionsOf(t, db), id) {
		t.Errorf("while there is the key of the day, no record is that of a nonce")
	}
	yesterday := rollup.DateOf(time.Now()) - 1
	if err := os.WriteFile(keys.PathFor(db), fmt.Appendf(nil, "%s %x\n", yesterday, dayKey), 0o600); err != nil {
		t.Fatal(err)
	}
	server := startServer(t, filepath.Dir(db), flags...)
	if _, err := os.Stat(keys.PathFor(db)); !os.IsNotExist(err) {
		t.Errorf("the key of yesterday is still there: %v", err)
	}
	server.stop(t, syscall.SIGTERM)
	found := search(t, forms(dayKey), append(folders, filepath.Dir(server.log))...)
	if len(found) > 0 {
		t.Errorf("the key of the day is found %q", found)
	}
	t.Logf("%d forms of the day's key looked for after the day, while %d sessions of it are there; found: %d", len(forms(dayKey)), len(sessionsOf(t, db)), len(found))
}

// sessionsOf returns the ids of KubeAtlas's sessions in a file.
func sessionsOf(t *testing.T, db string) []string {
	t.Helper()
	s, err := store.OpenReadOnly(db)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	days, err := s.DayVersions(others.KubeAtlas)
	if err != nil {
		t.Fatal(err)
	}
	ids := make(map[string]bool)
	for day := range days {
		err := s.InstancesOf(t.Context(), others.KubeAtlas, day, func(id string, _ rollup.Day) error {
			ids[id] = true
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return slices.Collect(maps.Keys(ids))
}
