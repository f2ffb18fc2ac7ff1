package backfill

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// marks say which days have been taken over, and from where. They lie in the
// database file, so that they are true of its days even after the file was
// replaced by a backup.
type marks struct {
	// Source is a fingerprint of the VictoriaMetrics' URL, which may hold a
	// password.
	Source string `json:"source"`
	// Months has the days that are done.
	Months map[rollup.MonthID]rollup.DaySet `json:"months"`
}

// loadMarks reads what an earlier run has noted of the same source. Without one,
// or with again, nothing is done yet.
func loadMarks(store Store, source string, again bool) (marks, error) {
	digest := sha256.Sum256([]byte(source))
	fresh := marks{Source: hex.EncodeToString(digest[:8]), Months: make(map[rollup.MonthID]rollup.DaySet)}
	text, err := store.Backfilled()
	if err != nil || text == nil || again {
		return fresh, err
	}
	known := marks{}
	if err := json.Unmarshal(text, &known); err != nil {
		return fresh, fmt.Errorf("backfill: the marks of an earlier run can't be read: %w", err)
	}
	if known.Source != fresh.Source || known.Months == nil {
		return fresh, nil
	}
	return known, nil
}

func (m marks) done(d rollup.Date) bool {
	return m.Months[d.Month()]&rollup.DaySetOf(d.DayOfMonth()) != 0
}

func (m marks) add(d rollup.Date) { m.Months[d.Month()] |= rollup.DaySetOf(d.DayOfMonth()) }

func (m marks) text() ([]byte, error) { return json.Marshal(m) }
