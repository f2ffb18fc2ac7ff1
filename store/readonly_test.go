package store

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// fixture is a closed file with some of everything: days of four months, of which
// February is folded and has lost its first day, figures, a list of applications,
// and a queue.
func fixture(t *testing.T) (path string) {
	t.Helper()
	s := open(t, Options{})
	for i := range 40 {
		for _, day := range []int{-33, -32, -31, 0, 1, 30} {
			at := march.AddDate(0, 0, day+2*(i%2)).Add(time.Duration(i%10) * time.Hour)
			r := report(uuid(i), at, "cozy_cluster_info", "cozy_nodes_count", rollup.Series(`a{x="`+uuid(i)[:8]+`"}`))
			r.Samples[0].Value = float64(i % 7)
			r.Samples[0].Slot, r.Samples[1].Slot = rollup.ByHour, rollup.ByDay
			must(t, s.Record(t.Context(), r, forwarded(r)))
		}
	}
	must(t, s.Record(t.Context(), report("a-text-id", march, "a"), nil))
	february := rollup.MonthOf(march) - 1
	for _, month := range []rollup.MonthID{february - 1, february} {
		must(t, s.CloseDays(t.Context(), month, month.Last()))
	}
	removeDay(t, s, february.First())
	offer(t, s, rollup.Snapshot{Month: february, Clusters: 40, Source: rollup.SourceRollups, Final: true})
	must(t, s.PutAppList(t.Context(), []byte(`{"fetched_at":"2026-03-05T00:00:00Z"}`)))
	must(t, s.Close())
	return s.path
}

// forwarded returns lines as ingest makes them.
func forwarded(r rollup.Report) []byte {
	var b strings.Builder
	for _, s := range r.Samples {
		metric, labels, _ := strings.Cut(string(s.Series), "{")
		b.WriteString(metric + `{cluster_id="` + r.Instance + `"`)
		if labels == "" {
			b.WriteString("}")
		} else {
			b.WriteString("," + labels)
		}
		b.WriteString(" 1 " + stamp(r.Received) + "\n")
	}
	return []byte(b.String())
}

func stamp(t time.Time) string {
	b, _ := json.Marshal(t.UnixMilli()) // a number can't fail
	return string(b)
}

// removeDay does what retention does.
func removeDay(t fatal, s *Store, date rollup.Date) {
	t.Helper()
	must(t, s.update(context.Background(), func(tx *bolt.Tx) error {
		return tx.Bucket(layout.BucketDays).DeleteBucket([]byte(date.String()))
	}))
}

// fileState is what must not change.
type fileState struct {
	digest  [sha256.Size]byte
	changed time.Time
	mode    fs.FileMode
	beside  int
}

func stateOf(t *testing.T, path string) fileState {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	info, err := os.Stat(path)
	must(t, err)
	entries, err := os.ReadDir(filepath.Dir(path))
	must(t, err)
	return fileState{sha256.Sum256(b), info.ModTime(), info.Mode(), len(entries)}
}

func openRead(t fatal, path string) *Store {
	t.Helper()
	s, err := OpenReadOnly(path)
	must(t, err)
	return s
}

func TestReadOnlyChangesNothing(t *testing.T) {
	path := fixture(t)
	before := stateOf(t, path)
	s := openRead(t, path)
	march, february := rollup.MonthOf(march), rollup.MonthOf(march)-1
	if first, ok, err := s.FirstMonth("cozystack"); err != nil || !ok || first != february-0 && first != february-1 {
		t.Errorf("first month: %s, %t, %v", first, ok, err)
	}
	if n := len(stored(t, s)); n < 200 {
		t.Errorf("only %d records are seen", n)
	}
	if n := len(folded(t, s, "cozystack", february, march, nil)); n != 41 {
		t.Errorf("a fold sees %d instances, want 41", n)
	}
	if snap, ok, err := s.Snapshot(february); err != nil || !ok || snap.Clusters != 40 {
		t.Errorf("snapshot: %+v, %t, %v", snap, ok, err)
	}
	if all, err := s.Snapshots(); err != nil || len(all) != 1 {
		t.Errorf("snapshots: %v, %v", all, err)
	}
	if list, err := s.AppList(); err != nil || len(list) == 0 {
		t.Errorf("list of applications: %q, %v", list, err)
	}
	if known, err := s.Known("cozystack", uuid(2), march.Start().AddDate(0, 0, 5)); err != nil || !known {
		t.Errorf("known: %t, %v", known, err)
	}
	if q := s.Queue(); q.Blocks == 0 || s.DatabaseID() == "" {
		t.Errorf("queue %+v, id %q", q, s.DatabaseID())
	}
	compareQueue(t, s)
	_, offered := s.OfferSnapshot(t.Context(), rollup.Snapshot{Month: march})
	writes := map[string]error{
		"Record":        s.Record(t.Context(), report("x", march.Start(), "a"), nil),
		"CloseDays":     s.CloseDays(t.Context(), march, march.Last()),
		"OfferSnapshot": offered,
		"PutAppList":    s.PutAppList(t.Context(), []byte("{}")),
		"MergeDays": s.MergeDays(t.Context(), "cozystack", march.First(),
			[]rollup.InstanceDay{{Instance: "x", Day: rollup.FromReport(report("x", march.Start(), "a"))}}),
		"Remove": s.Remove(t.Context(), allBlocks(t, s)),
	}
	for name, err := range writes {
		if !errors.Is(err, dberrors.ErrReadOnly) {
			t.Errorf("%s: got %v, want ErrReadOnly", name, err)
		}
	}
	_, err := s.Stats()
	must(t, err)
	must(t, s.Check(t.Context(), func(p Problem) { t.Errorf("%+v", p) }, nil))
	must(t, s.Close())
	must(t, s.Close())
	if after := stateOf(t, path); after != before {
		t.Errorf("the file was %+v, and is %+v", before, after)
	}
}

func TestOpenReadOnlyRefuses(t *testing.T) {
	folder := t.TempDir()
	live := open(t, Options{})
	tests := map[string]struct {
		path string
		want error
		text string
	}{
		"no file":     {filepath.Join(folder, "none.db"), fs.ErrNotExist, "none.db"},
		"a folder":    {folder, dberrors.ErrForeign, "--db-path"},
		"a live file": {live.path, dberrors.ErrLocked, "`cozy-telemetry-server backup`"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			_, err := OpenReadOnly(test.path)
			if !errors.Is(err, test.want) || err == nil || !strings.Contains(err.Error(), test.text) {
				t.Errorf("got %v, want %v with %q", err, test.want, test.text)
			}
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
	if entries, _ := os.ReadDir(folder); len(entries) != 0 {
		t.Errorf("something was made: %v", entries)
	}
}

// Two readers may share a file, and a server can't start meanwhile.
func TestReadersShareAFile(t *testing.T) {
	path := fixture(t)
	a, b := openRead(t, path), openRead(t, path)
	if _, err := Open(path, Options{}); !errors.Is(err, dberrors.ErrLocked) {
		t.Errorf("got %v, want ErrLocked", err)
	}
	must(t, errors.Join(a.Close(), b.Close()))
	openAt(t, path, Options{})
}

func TestBuildRefusesWhatIsThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	record := func(s *Store) error { return s.Record(t.Context(), report("a", march, "a"), nil) }
	must(t, Build(t.Context(), path, record))
	checkClean(t, path)
	before := stateOf(t, path)
	if err := Build(t.Context(), path, record); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v, want fs.ErrExist", err)
	}
	if after := stateOf(t, path); after != before {
		t.Error("the file was changed")
	}
	broken := errors.New("broken")
	if err := Build(t.Context(), path+"2", func(*Store) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("got %v, want the error of fill", err)
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestStats(t *testing.T) {
	path := fixture(t)
	s := openRead(t, path)
	defer s.Close()
	st, err := s.Stats()
	must(t, err)
	february := rollup.MonthOf(march) - 1
	size := stateSize(t, path)
	if st.FileBytes != size || st.UsedBytes+st.FreeBytes != size || st.UsedBytes <= 0 || st.FreePages < 0 ||
		st.UsedBytes%int64(st.PageSize) != 0 {
		t.Errorf("bytes: %+v of %d", st, size)
	}
	if st.Schema != layout.SchemaVersion || st.DatabaseID != s.DatabaseID() || st.Snapshots != 1 || st.Queue != s.Queue() {
		t.Errorf("%+v", st)
	}
	if len(st.Products) != 1 || st.Products[0] != "cozystack" {
		t.Errorf("products %v", st.Products)
	}
	days, err := s.DayVersions("cozystack")
	must(t, err)
	if st.Days != len(days) || st.LastReport != st.LastDay || st.LastHour < 10 || days[st.FirstDay] == 0 || days[st.LastDay] == 0 {
		t.Errorf("days %+v", st)
	}
	at, ok, err := s.LastReport("cozystack")
	must(t, err)
	if want := st.LastReport.Start().Add(time.Duration(st.LastHour) * time.Hour); !ok || !at.Equal(want) {
		t.Errorf("the last report is of %s, %v, want %s", at, ok, want)
	}
	if at, ok, err := s.LastReport("synapse"); ok || err != nil {
		t.Errorf("nobody of synapse reported, but at %s: %v", at, err)
	}
	missing := 0
	for _, g := range st.Gaps {
		for date := g.First; date <= g.Last; date++ {
			if missing++; days[date] != 0 {
				t.Errorf("%s is no gap", date)
			}
		}
	}
	if want := int(st.LastDay-st.FirstDay) + 1 - len(days); missing != want || want == 0 {
		t.Errorf("gaps of %d days, want %d", missing, want)
	}
	records := 0
	for _, m := range st.Months {
		records += m.DayRecords
		if m.Month <= february && (m.Closed == 0 || m.Records == 0) || m.Month > february && m.Closed != 0 || m.Series == 0 {
			t.Errorf("month %+v", m)
		}
	}
	if want := len(stored(t, s)); records != want {
		t.Errorf("%d records, want %d", records, want)
	}
}

func stateSize(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	must(t, err)
	return info.Size()
}
