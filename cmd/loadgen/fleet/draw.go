package fleet

// topic says what a drawn number is for, so that no two are related.
type topic int

const (
	topicIDHigh topic = iota
	topicIDLow
	topicV0
	topicMislabel
	topicBorn
	topicBornAt
	topicDies
	topicDiesAt
	topicUpgrade
	topicUpgradeAt
	topicRelease
	topicPace
	topicPhase
	topicNodes
	topicGPU
	topicLoadBalancers
	topicFifthKind
	topicTenants
	topicOffset
	topicVolumes // and one for each class of volumes
	topicKind    = topicVolumes + 1000
)

// What else is drawn for lifelike clusters.
const (
	topicQuiet topic = topicKind + 1000 + iota
	topicHabit
	topicGrowth
	topicCozystack
	topicKubernetes
	topicImage
	topicRareImage
	topicCores
	topicPackages
)

// draw returns a number that looks random and depends only on the cluster, the
// topic and n.
func (c *Cluster) draw(t topic, n int) uint64 {
	return mix(c.key ^ mix(uint64(t)<<32^uint64(n)))
}

// below returns a drawn number from 0 to limit-1, or 0 if there is none.
func (c *Cluster) below(limit int, t topic, n int) int {
	if limit <= 0 {
		return 0
	}
	return int(c.draw(t, n) % uint64(limit))
}

// chance returns true for a share of all clusters.
func (c *Cluster) chance(share float64, t topic) bool {
	return c.unit(t, 0) < share
}

// unit returns a drawn number from 0 to below 1.
func (c *Cluster) unit(t topic, n int) float64 { return float64(c.draw(t, n)>>11) / (1 << 53) }

// mix is the output function of the generator SplitMix64.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
