package backup

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/durable"
)

// testBackups makes backups of a small store into a folder, at a time that the test
// sets.
func testBackups(t *testing.T, dir string, keep int) (b *Backups, now *time.Time, outcomes *[]error) {
	t.Helper()
	s, err := store.Open(filepath.Join(t.TempDir(), "telemetry.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	now, outcomes = new(time.Time), new([]error)
	*now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	b, err = New(s, Config{
		Spool: dir, Dir: dir, Every: 24 * time.Hour, Keep: keep,
		Now: func() time.Time { return *now }, Log: zerolog.Nop(),
		OnBackup: func(err error) { *outcomes = append(*outcomes, err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return b, now, outcomes
}

// A backup is due at once where there is none, and then a day after the newest; the
// oldest are removed, and other files are not touched.
func TestBackupDir(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "backups")
	for _, name := range []string{"notes.txt", "telemetry-2026.db", ".telemetry-20260228T120000Z.db.1.tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	b, now, outcomes := testBackups(t, dir, 2)
	if got := b.dueIn(); got != 0 {
		t.Errorf("the first one is due in %v", got)
	}
	for range 4 {
		if got := b.turn(t.Context()); got != 24*time.Hour {
			t.Errorf("the next one is due in %v", got)
		}
		*now = now.Add(20 * time.Hour)
		if got := b.dueIn(); got != 4*time.Hour {
			t.Errorf("20 hours later it is due in %v", got)
		}
		*now = now.Add(5 * time.Hour)
		if got := b.dueIn(); got != 0 {
			t.Errorf("25 hours later it is due in %v", got)
		}
	}
	var names []string
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	want := []string{"notes.txt", "telemetry-2026.db", "telemetry-20260303T140000Z.db", "telemetry-20260304T150000Z.db"}
	if !slices.Equal(names, want) {
		t.Errorf("the folder has %q, want %q", names, want)
	}
	whole, err := store.OpenReadOnly(filepath.Join(dir, want[3]))
	if err != nil {
		t.Fatal(err)
	}
	defer whole.Close()
	if err := whole.Check(t.Context(), func(p store.Problem) { t.Errorf("%+v", p) }, nil); err != nil {
		t.Error(err)
	}
	*now = now.Add(-1000 * time.Hour) // the clock was ahead
	if got := b.dueIn(); got != 0 {
		t.Errorf("with backups of the future only, which may be of any age, it is due in %v", got)
	}
	if at, ok := b.Newest(); ok {
		t.Errorf("the newest backup is of %v, and now is %v", at, now)
	}
	if !slices.Equal(*outcomes, make([]error, 4)) {
		t.Errorf("outcomes %v", *outcomes)
	}
}

// A clock was ahead for a while. The backups that it has dated give way to those that
// are written since, which stay.
func TestBackupDirAfterAClockJump(t *testing.T) {
	dir := t.TempDir()
	b, now, _ := testBackups(t, dir, 3)
	today := *now
	for day := range 4 { // the clock is years ahead
		*now = today.AddDate(4, 0, day)
		b.turn(t.Context())
	}
	*now = today
	for range 4 {
		if got := b.turn(t.Context()); got != 24*time.Hour {
			t.Errorf("the next one is due in %v", got)
		}
		if _, err := os.Stat(filepath.Join(dir, nameOf(*now))); err != nil {
			t.Errorf("the backup that was just written: %v", err)
		}
		if at, _ := b.Newest(); !at.Equal(*now) {
			t.Errorf("the newest backup is of %v, and now is %v", at, now)
		}
		*now = now.Add(24 * time.Hour)
	}
	if dated, err := b.dated(*now); err != nil || len(dated) != 3 || dated[0].Before(today) || dated[2].After(*now) {
		t.Errorf("backups %v, %v", dated, err)
	}
}

// A clock that is set back while a backup is made puts the next one off by no more than
// usual.
func TestBackupWhileTheClockIsSetBack(t *testing.T) {
	b, now, _ := testBackups(t, t.TempDir(), 3)
	b.cfg.OnBackup = func(error) { *now = now.AddDate(-1, 0, 0) }
	if got := b.turn(t.Context()); got != 24*time.Hour {
		t.Errorf("the next one is due in %v", got)
	}
}

// At the start, what a crash has left of backups goes from the folder, of those for
// clients too. What another process is making stays, and so does every other file.
func TestLeftOversOfBackups(t *testing.T) {
	dir := t.TempDir()
	stay := []string{"notes.txt", ".mine.db.12.tmp", ".telemetry-2026.db.12.tmp", "telemetry-20260228T120000Z.db.12.tmp"}
	for _, name := range append(slices.Clone(stay), ".telemetry-20260228T120000Z.db.12.tmp") {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, ".telemetry-20260227T120000Z.db.7.tmp", "unfinished"), 0o700); err != nil {
		t.Fatal(err)
	}
	works, err := durable.OpenWorkshop(filepath.Join(dir, "telemetry-20260226T120000Z.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer works.Close()
	testBackups(t, dir, 1)
	stay = append(stay, filepath.Base(filepath.Dir(works.Path("x"))))
	var names []string
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if !slices.Equal(names, slices.Sorted(slices.Values(stay))) {
		t.Errorf("the folder has %q, want %q", names, stay)
	}
}

// What fails is told, tried again soon, and removes nothing.
func TestBackupDirThatFails(t *testing.T) {
	dir := t.TempDir()
	b, now, outcomes := testBackups(t, dir, 1)
	b.turn(t.Context())
	*now = now.Add(48 * time.Hour)
	blocked := filepath.Join(dir, nameOf(*now))
	if err := os.Mkdir(blocked, 0o700); err != nil {
		t.Fatal(err)
	}
	if got := b.turn(t.Context()); got != retryTime {
		t.Errorf("tried again in %v", got)
	}
	if len(*outcomes) != 2 || (*outcomes)[0] != nil || (*outcomes)[1] == nil || errors.Is((*outcomes)[1], context.Canceled) {
		t.Errorf("outcomes %v", *outcomes)
	}
	if dated, err := b.dated(*now); err != nil || len(dated) != 1 {
		t.Errorf("backups %v, %v", dated, err)
	}
}

// quickClient goes away as soon as it has taken anything.
type quickClient struct {
	*httptest.ResponseRecorder
	leave func()
}

func (quickClient) SetWriteDeadline(time.Time) error { return nil }

func (c quickClient) Write(b []byte) (int, error) {
	c.leave()
	return c.ResponseRecorder.Write(b)
}

// A backup counts when all of it was taken, even if the client is gone by then.
func TestBackupOfAQuickClientCounts(t *testing.T) {
	b, _, outcomes := testBackups(t, filepath.Join(t.TempDir(), "backups"), 1)
	ctx, cancel := context.WithCancel(t.Context())
	b.ServeHTTP(quickClient{httptest.NewRecorder(), cancel}, httptest.NewRequestWithContext(ctx, http.MethodGet, Path, nil))
	if len(*outcomes) != 1 || (*outcomes)[0] != nil {
		t.Errorf("it ended with %v", *outcomes)
	}
}

// To copy a large file takes longer than the server lets an answer take. Who waited for
// a copy that could not be made is told so all the same.
func TestBackupThatFailsLate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "backups")
	b, now, _ := testBackups(t, dir, 3)
	*now = time.Now()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(b)
	server.Config.WriteTimeout = 1 // over when the copy has failed
	server.Start()
	defer server.Close()
	resp, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("the answer is %s", resp.Status)
	}
}
