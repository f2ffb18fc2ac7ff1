package rollup

import "time"

// Source says where figures come from.
type Source string

const (
	// SourceVictoriaMetrics: vmselect answered all queries of the month.
	SourceVictoriaMetrics Source = "victoriametrics"
	// SourceRollups: the bbolt file's own rollups.
	SourceRollups Source = "rollups"
	// SourceImported: a file that the original server left in the snapshot
	// directory.
	SourceImported Source = "imported"
	// SourceMixed: a period whose months have different sources.
	SourceMixed Source = "mixed"
)

// Snapshot holds the figures of one month for all instances of cozystack. Its
// JSON is stored in the bbolt file and mirrored as YYYY-MM.json; month to apps
// are the original server's fields.
type Snapshot struct {
	Month MonthID `json:"month"`
	// CollectedAt is when the figures were read from their source, in UTC.
	CollectedAt time.Time `json:"collected_at"`
	// Clusters counts the clusters that sent cozy_cluster_info in the month.
	Clusters int64 `json:"clusters"`
	// TotalNodes and TotalTenants are the clusters' peaks, added up.
	TotalNodes   int64 `json:"total_nodes"`
	TotalTenants int64 `json:"total_tenants"`
	// ExactNodes is set when TotalNodes counts no node twice. Without it, it is an
	// upper bound, but for the rollups, whose count is always exact.
	ExactNodes bool `json:"exact_nodes,omitempty"`
	// Apps has the peaks by application name as they stood at CollectedAt. An
	// answer is computed from Kinds where those are known, so that a newer table
	// of kinds also serves older months.
	Apps map[string]int64 `json:"apps"`
	// Kinds has the peaks by kind as reported; nil if imported.
	Kinds map[string]int64 `json:"kinds,omitempty"`
	// ConfirmedClusters counts the clusters seen on enough distinct days; nil where
	// that is not known.
	ConfirmedClusters *int64 `json:"confirmed_clusters,omitempty"`
	// Confirmed has the figures of these clusters, whatever the source of the others;
	// nil where the rollups do not cover the month.
	Confirmed *Confirmed `json:"confirmed,omitempty"`
	// DaysWithData counts the month's days on which any cluster was seen.
	DaysWithData int    `json:"days_with_data"`
	Source       Source `json:"source"`
	// Final is set when the figures were collected after the month's end and its
	// grace period. They change only where a source shows more.
	Final bool `json:"final"`
	// Asked is set when vmselect has answered for the month too. A final snapshot
	// without it is asked of vmselect once more.
	Asked bool `json:"asked_vmselect,omitempty"`
	// CheckedAt is when all sources were last heard about the month after it was
	// closed, and after all reports of it were forwarded. It may be later than
	// CollectedAt, where none of them had more. Zero: never.
	CheckedAt time.Time `json:"checked_at,omitzero"`
	// Excluding is the digest of the [Exclusions] that the figures were counted under;
	// empty for none, and [ExcludingOthers] for others than any.
	Excluding string `json:"excluding,omitempty"`
	// Forgotten is how many of the clusters were forgotten since, at most: the next count
	// may have as many fewer.
	Forgotten int64 `json:"forgotten,omitempty"`
}

// Confirmed are the figures of the clusters that were seen on enough distinct days,
// each with its second-highest day: one report, or one bad day, lifts none of them.
// They come from the rollups alone.
type Confirmed struct {
	Clusters     int64 `json:"clusters"`
	TotalNodes   int64 `json:"total_nodes"`
	TotalTenants int64 `json:"total_tenants"`
	// Kinds has the applications by kind as reported. The names of an answer are
	// computed from them.
	Kinds map[string]int64 `json:"kinds"`
	// DaysWithData counts the days on which the rollups have seen any cluster. It
	// may be less than that of a snapshot whose source has seen more.
	DaysWithData int `json:"days_with_data"`
}
