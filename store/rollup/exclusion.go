package rollup

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"
)

// Exclusion says that the figures leave an instance out. Its reports are taken and
// stored as before, so that it can be undone.
type Exclusion struct {
	Product  string    `json:"product"`
	Instance string    `json:"instance"`
	At       time.Time `json:"at"`
	// Reason is what an operator has noted; empty: nothing.
	Reason string `json:"reason,omitempty"`
}

// Exclusions are the instances of a product that figures leave out. The zero
// Exclusions leave out none. They must not be changed.
type Exclusions struct {
	// Digest names the set: the same for the same instances, whenever and in whichever
	// file they were excluded; empty for none.
	Digest string
	// Instances are sorted.
	Instances []string
}

// NewExclusions returns the set of some instances, in any order.
func NewExclusions(instances []string) Exclusions {
	if len(instances) == 0 {
		return Exclusions{}
	}
	x := Exclusions{Instances: slices.Sorted(slices.Values(instances))}
	x.Instances = slices.Compact(x.Instances)
	sum := sha256.New()
	for _, instance := range x.Instances {
		sum.Write([]byte(instance + "\n")) // a hash takes all; no name has a line feed
	}
	x.Digest = hex.EncodeToString(sum.Sum(nil)[:12])
	return x
}

// ExcludingOthers is in place of the digest of figures that stay stale, whatever is excluded:
// they have excluded instances of which, since they were forgotten, that is not known any more.
const ExcludingOthers = "others"

// Stale tells whether a snapshot was counted under other exclusions, so that it is to be
// counted again. Nothing counts again what the original server has collected.
func (x Exclusions) Stale(s Snapshot) bool {
	return s.Source != SourceImported && s.Excluding != x.Digest
}

// Keep returns what stands of a month when a snapshot is offered in place of the
// stored one: the better one, by the rule of [Keep]. But a stale one gives way to one
// that is not, though that has less: as many clusters less as are excluded, or were
// forgotten since. One that lacks more was not counted from all that the stored one was; then that stays, stale,
// but with the confirmed figures of the other: these are the rollups' in any case.
func (x Exclusions) Keep(stored, offered Snapshot) Snapshot {
	kept := keepUnder(x, stored, offered, stored, offered, Keep)
	if x.Stale(kept) && !x.Stale(offered) && offered.Confirmed != nil {
		kept.Confirmed = offered.Confirmed
	}
	return kept
}

// KeepProduct does for product snapshots what Keep does for snapshots.
func (x Exclusions) KeepProduct(stored, offered ProductSnapshot) ProductSnapshot {
	return keepUnder(x, stored, offered, stored.Ranked(), offered.Ranked(), keepProduct)
}

// keepUnder is Keep for snapshots of any kind, of which before and now have the rank.
func keepUnder[S any](x Exclusions, stored, offered S, before, now Snapshot, better func(stored, offered S) S) S {
	switch was, is := x.Stale(before), x.Stale(now); {
	case was == is:
		return better(stored, offered)
	case was && now.Clusters+int64(len(x.Instances))+before.Forgotten >= before.Clusters:
		return offered
	}
	return stored
}
