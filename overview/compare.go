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
// against that. The note says why the two need not be the same, and is empty where
// they are. Beside [ErrLess] the error is that of reading.
func (o *Overview) Compare(s rollup.Snapshot) (note string, err error) {
	if s.Source != rollup.SourceRollups {
		return fmt.Sprintf("its source is %s, so it can't be counted again", s.Source), nil
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
	more := false
	for _, pair := range figurePairs(s, own) {
		if pair.now < pair.stored {
			return "", fmt.Errorf("%w: %s is %d, and %d in the snapshot", ErrLess, pair.name, pair.now, pair.stored)
		}
		more = more || pair.now > pair.stored
	}
	if more {
		return "the rollups have more: reports were merged after the figures were made", nil
	}
	return "", nil
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
		pairs = append(pairs, figurePair{"confirmed_clusters (see --confirm-days)", *s.ConfirmedClusters, own.confirmed})
	}
	for kind, n := range s.Kinds {
		pairs = append(pairs, figurePair{"kind " + kind, n, own.kinds[kind]})
	}
	for kind, n := range own.kinds {
		if _, ok := s.Kinds[kind]; !ok {
			pairs = append(pairs, figurePair{"kind " + kind, 0, n})
		}
	}
	return pairs
}
