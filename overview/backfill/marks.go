package backfill

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"

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

// loadMarks reads what an earlier run has noted of the same source. Again, nothing is
// done of the months that are asked for.
func loadMarks(store Store, cfg Config) (marks, error) {
	digest := sha256.Sum256([]byte(cfg.URL))
	fresh := marks{Source: hex.EncodeToString(digest[:8]), Months: make(map[rollup.MonthID]rollup.DaySet)}
	text, err := store.Backfilled()
	if err != nil || text == nil {
		return fresh, err
	}
	known := marks{}
	switch err := json.Unmarshal(text, &known); {
	case err != nil && !cfg.Again:
		return fresh, fmt.Errorf("backfill: the marks of an earlier run can't be read: %w; take the days again", err)
	case err != nil, known.Source != fresh.Source, known.Months == nil:
		return fresh, nil
	}
	if cfg.Again {
		maps.DeleteFunc(known.Months, func(m rollup.MonthID, _ rollup.DaySet) bool { return cfg.From <= m && m <= cfg.To })
	}
	return known, nil
}

func (m marks) done(d rollup.Date) bool {
	return m.Months[d.Month()]&rollup.DaySetOf(d.DayOfMonth()) != 0
}

func (m marks) add(d rollup.Date) { m.Months[d.Month()] |= rollup.DaySetOf(d.DayOfMonth()) }

func (m marks) text() ([]byte, error) { return json.Marshal(m) }
