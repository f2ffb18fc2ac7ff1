package overview

import (
	"errors"
	"fmt"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// ErrLess is returned when the rollups count less than a snapshot that was made of
// them: something of them is gone.
var ErrLess = errors.New("the rollups count less")

// Compare counts a month from the rollups again and holds its stored snapshot
// against that: all of it where the rollups are its source, else its confirmed figures,
// which are theirs in any case. The note says why the two need not be the same, and is
// empty where they are. Beside [ErrLess] the error is that of reading.
func (o *Overview) Compare(s rollup.Snapshot) (note string, err error) {
	theirs := s.Source != rollup.SourceRollups
	if theirs {
		note = fmt.Sprintf("its source is %s, so it can't be counted again", s.Source)
	}
	if theirs && s.Confirmed == nil {
		return note, nil
	}
	if o.exclusions().Stale(s) {
		return "clusters were excluded or included since, so it will be counted again", nil
	}
	own, err := o.fold(window{s.Month, s.Month})
	switch {
	case err != nil:
		return "", err
	case !own.known:
		return "its rollups were removed, so the figures can't be counted again", nil
	}
	pairs := o.confirmedPairs(s, own)
	if !theirs {
		pairs = append(figurePairs(s, own), pairs...)
	}
	more := false
	for _, pair := range pairs {
		if pair.now < pair.stored {
			return "", fmt.Errorf("%w: %s is %d, and %d in the snapshot", ErrLess, pair.name, pair.now, pair.stored)
		}
		more = more || pair.now > pair.stored
	}
	if more && !theirs {
		return "the rollups have more: reports were merged after the figures were made", nil
	}
	return note, nil
}

// figurePair is a figure as it is stored, and as it is counted now.
type figurePair struct {
	name        string
	stored, now int64
}

func figurePairs(s rollup.Snapshot, own figures) []figurePair {
	pairs := []figurePair{
		{"clusters", s.Clusters, own.clusters},
		{"total_nodes", s.TotalNodes, own.nodes},
		{"total_tenants", s.TotalTenants, own.tenants},
		{"days_with_data", int64(s.DaysWithData), int64(own.days)},
	}
	if s.ConfirmedClusters != nil {
		pairs = append(pairs, figurePair{"confirmed_clusters (see --confirm-days)", *s.ConfirmedClusters, own.confirmedClusters})
	}
	return append(pairs, kindPairs("kind ", s.Kinds, own.kinds)...)
}

// confirmedPairs are the confirmed figures. There are none where a month was counted
// while it was young, from other clusters than now.
func (o *Overview) confirmedPairs(s rollup.Snapshot, own figures) []figurePair {
	then, now := s.Confirmed, own.confirmed
	if then == nil || now == nil || (window{s.Month, s.Month}).young(s.CollectedAt, o.cfg.ConfirmDays) {
		return nil
	}
	const seeFlag = " of confirmed (see --confirm-days)"
	pairs := []figurePair{
		{"clusters" + seeFlag, then.Clusters, now.Clusters},
		{"total_nodes" + seeFlag, then.TotalNodes, now.TotalNodes},
		{"total_tenants" + seeFlag, then.TotalTenants, now.TotalTenants},
		{"days_with_data" + seeFlag, int64(then.DaysWithData), int64(now.DaysWithData)},
	}
	return append(pairs, kindPairs("confirmed kind ", then.Kinds, now.Kinds)...)
}

func kindPairs(what string, stored, now map[string]int64) (pairs []figurePair) {
	for kind, n := range stored {
		pairs = append(pairs, figurePair{what + kind, n, now[kind]})
	}
	for kind, n := range now {
		if _, ok := stored[kind]; !ok {
			pairs = append(pairs, figurePair{what + kind, 0, n})
		}
	}
	return pairs
}
