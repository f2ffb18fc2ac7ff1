package store

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/rewrite"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Whatever an error went through, it says once whose it is.
func TestErrorsSayOnceWhoseTheyAre(t *testing.T) {
	full := open(t, Options{MaxBytes: smallBound})
	fill(t, full, make(model), 700_000)
	closed := open(t, Options{})
	must(t, closed.Close())
	none, out := filepath.Join(t.TempDir(), "none"), filepath.Join(t.TempDir(), "out")
	_, readOnlyErr := OpenReadOnly(none)
	_, mergeErr := rewrite.Combine(t.Context(), out, []string{none}, nil)
	_, forgetErr := rewrite.Forget(t.Context(), none, selection("c"), march, nil)
	errs := map[error]map[string]error{
		fs.ErrNotExist: {
			"read": readOnlyErr, "merge": mergeErr, "forget": forgetErr,
			"compact": rewrite.Compact(t.Context(), none, out, nil),
		},
		dberrors.ErrFull:   writes(t, full),
		dberrors.ErrClosed: writes(t, closed),
	}
	errs[dberrors.ErrFull]["ready"] = full.Ready(t.Context())
	delete(errs[dberrors.ErrFull], "remove") // has room
	for want, all := range errs {
		for what, err := range all {
			if !errors.Is(err, want) || !strings.HasPrefix(err.Error(), "store: ") || strings.Count(err.Error(), "store:") != 1 {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
}

// writes returns how each kind of a write ends.
func writes(t *testing.T, s *Store) map[string]error {
	t.Helper()
	_, offerErr := s.OfferSnapshot(t.Context(), rollup.Snapshot{Month: rollup.MonthOf(march)})
	return map[string]error{
		"record": s.Record(t.Context(), report("more", march, "a"), noise(700_000)),
		"merge":  s.MergeDays(t.Context(), "cozystack", rollup.DateOf(march), []rollup.InstanceDay{{Instance: "more"}}),
		"offer":  offerErr,
		"note":   s.PutAppList(t.Context(), noise(700_000)),
		"remove": s.Remove(t.Context(), nil),
	}
}
