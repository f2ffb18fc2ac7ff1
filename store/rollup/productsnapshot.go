package rollup

import "time"

// ProductSnapshot holds the figures of one month of a product other than cozystack. Its
// JSON is stored in the file and mirrored.
type ProductSnapshot struct {
	Product string  `json:"product"`
	Month   MonthID `json:"month"`
	// CollectedAt is when the figures were counted, in UTC.
	CollectedAt time.Time `json:"collected_at"`
	// Instances counts those that have reported in the month: of a product whose
	// instances are known within a day only, the instances of the days, added up.
	Instances int64 `json:"instances"`
	// Reports counts the reports of the month; 0 where that is not known.
	Reports int64 `json:"reports"`
	// DaysWithData counts the month's days on which any instance was seen.
	DaysWithData int    `json:"days_with_data"`
	Source       Source `json:"source"`
	// Final is set when the figures were counted after the month's end and its grace
	// period.
	Final bool `json:"final"`
	// Metrics are the figures by name, and Shares how many instances have which value of
	// a field; what there is the product says. Shares are whole: what is too small to be
	// shown is left out by who shows it.
	Metrics map[string]float64          `json:"metrics"`
	Shares  map[string]map[string]int64 `json:"shares"`
	// Excluding is the digest of the [Exclusions] that the figures were counted under;
	// empty for none.
	Excluding string `json:"excluding,omitempty"`
}

// Compare ranks two product snapshots of a month as [Snapshot.Compare] does: above 0 if
// s is the better one. More instances win, then more days with data, then more reports,
// and of equals final ones. A mean, or a share, may fall when more is known, so the other
// figures are no measure.
func (s ProductSnapshot) Compare(other ProductSnapshot) int {
	return s.Ranked().Compare(other.Ranked())
}

// Ranked returns a Snapshot of the same rank among those of its kind, without figures of
// its own: for who compares snapshots of any product.
func (s ProductSnapshot) Ranked() Snapshot {
	return Snapshot{
		Month:        s.Month,
		CollectedAt:  s.CollectedAt,
		Clusters:     s.Instances,
		DaysWithData: s.DaysWithData,
		TotalNodes:   s.Reports,
		Source:       s.Source,
		Final:        s.Final,
		Excluding:    s.Excluding,
	}
}

// keepProduct does for product snapshots what [Keep] does for snapshots: the offered one
// stands, unless the stored one is better.
func keepProduct(stored, offered ProductSnapshot) ProductSnapshot {
	if offered.Compare(stored) >= 0 {
		return offered
	}
	return stored
}
