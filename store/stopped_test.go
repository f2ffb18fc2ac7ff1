package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/store/rewrite"
)

// A rewrite that is stopped while it runs ends soon, changes no file, and leaves nothing
// behind.
func TestStoppedRewrites(t *testing.T) {
	dir := t.TempDir()
	path := fileOf(t, filepath.Join(dir, "a"), func(s *Store) {
		for i := range 8 { // more than a copy writes at a time
			must(t, s.Record(t.Context(), report(uuid(i), march.AddDate(0, i, 0), "a"), noise(2_000_000)))
		}
	})
	before, into := stateOf(t, path), filepath.Join(dir, "into")
	for name, run := range map[string]func(ctx context.Context, progress func(done, total int64)) error{
		"compact": func(ctx context.Context, progress func(done, total int64)) error {
			return rewrite.Compact(ctx, path, into, progress)
		},
		"combine": func(ctx context.Context, progress func(done, total int64)) error {
			_, err := rewrite.Combine(ctx, into, []string{path}, progress)
			return err
		},
		"forget": func(ctx context.Context, progress func(done, total int64)) error {
			_, err := rewrite.Forget(ctx, path, selection(uuid(1)), march, progress)
			return err
		},
	} {
		ctx, stop := context.WithCancel(t.Context())
		told := 0
		err := run(ctx, func(int64, int64) { told++; stop() })
		if !errors.Is(err, context.Canceled) || told != 1 {
			t.Errorf("%s: got %v, progress was told %d times", name, err, told)
		}
		if stateOf(t, path) != before {
			t.Errorf("%s: the file was changed", name)
		}
		if entries, _ := os.ReadDir(dir); len(entries) != 1 {
			t.Errorf("%s: left behind: %v", name, entries)
		}
	}
}

// One that is stopped when the records are done ends too: the rest is still to be written.
func TestRewritesStoppedBehindTheRecords(t *testing.T) {
	dir := t.TempDir()
	path := fileOf(t, filepath.Join(dir, "a"), func(s *Store) {
		r := report("a", march, "a")
		must(t, s.Record(t.Context(), r, forwarded(r)))
		must(t, s.Record(t.Context(), report("b", march, "a"), []byte("b{cluster_id=\"b\"} 1 1\n")))
		must(t, s.PutAppList(t.Context(), []byte("{}")))
	})
	for name, run := range map[string]func(ctx context.Context, progress func(done, total int64)) error{
		"combine": func(ctx context.Context, progress func(done, total int64)) error {
			_, err := rewrite.Combine(ctx, filepath.Join(dir, "into"), []string{path}, progress)
			return err
		},
		"forget": func(ctx context.Context, progress func(done, total int64)) error {
			_, err := rewrite.Forget(ctx, path, selection("a"), march, progress)
			return err
		},
	} {
		ctx, stop := context.WithCancel(t.Context())
		err := run(ctx, func(done, total int64) {
			if done == total {
				stop()
			}
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
