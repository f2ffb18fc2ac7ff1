package fleet

import "fmt"

// Client is one of the two programs that report for a cluster.
type Client int

const (
	// Operator reports the cluster, its nodes, volumes and packages.
	Operator Client = iota
	// Controller reports the applications. Before v1.0 it was the only client,
	// and reported all that there was.
	Controller
	// Clients is how many there are.
	Clients
)

// never is a step that does not come.
const never = 1 << 62

// maxRolling bounds how many reports show an upgrade under way.
const maxRolling = 3

// Cluster is one simulated cluster. It is a value that never changes.
type Cluster struct {
	index        int
	key          uint64
	full         bool
	v0, mislabel bool
	baseNodes    int
	// The cluster is alive from born on and before dies.
	born, dies int
	// upgrade is the first step whose report knows of the new kernel.
	upgrade int
	// Numbers stay as they are for pace steps; phase shifts where that begins.
	pace, phase int
	// Of a lifelike fleet, else nil: what surrounds the cluster, and its first day.
	world  *world
	bornOn int
}

// Index returns the cluster's index in its fleet.
func (c *Cluster) Index() int { return c.index }

// ID returns the cluster's id, an UUID as that of the namespace kube-system.
func (c *Cluster) ID() string {
	hi, lo := c.draw(topicIDHigh, 0), c.draw(topicIDLow, 0)
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x",
		hi>>32, hi>>16&0xffff, hi&0xfff, lo>>48&0x3fff|0x8000, lo&0xffffffffffff)
}

// Alive tells whether the cluster reports in a step.
func (c *Cluster) Alive(step int) bool {
	return step >= c.born && step < c.dies && (c.world == nil || !c.isQuiet(step))
}

// Sends tells whether a client of the cluster sends a report in a step.
func (c *Cluster) Sends(client Client, step int) bool {
	return c.Alive(step) && (client == Controller || !c.v0)
}

// Offset returns when within a step the cluster reports, from 0 to parts-1 of
// as many parts of the step.
func (c *Cluster) Offset(parts int) int { return c.below(parts, topicOffset, 0) }

// HasNodes tells whether the reports of a client have cozy_cluster_info and
// cozy_nodes_count.
func (c *Cluster) HasNodes(client Client) bool { return (client == Controller) == c.v0 }

// Nodes returns how many nodes the cluster has in a step: what the series of
// cozy_nodes_count in its report add up to.
func (c *Cluster) Nodes(step int) int64 {
	if c.world != nil {
		return c.lifelikeNodes(step)
	}
	return int64(max(1, c.baseNodes-1+c.below(3, topicNodes, c.epoch(step))))
}

// eachKernel calls fn with the kernels of the nodes in a step, by their numbers in the fleet,
// and how many nodes have each. In the first steps of an upgrade there are some of each, since
// nodes restart one after the other.
func (c *Cluster) eachKernel(step int, fn func(kernel int, nodes int64)) {
	if c.world != nil {
		c.lifelikeKernels(step, fn)
		return
	}
	n := c.Nodes(step)
	var upgraded int64
	if step >= c.upgrade {
		upgraded = c.upgraded(n, step-c.upgrade+1)
	}
	if upgraded < n {
		fn(0, n-upgraded)
	}
	if upgraded > 0 {
		fn(1, upgraded)
	}
}

// upgraded returns how many of n nodes have their new kernel in the given step of an upgrade,
// from 1. A cluster of one node changes between two reports.
func (c *Cluster) upgraded(n int64, step int) int64 {
	rolling := min(c.baseNodes-1, maxRolling)
	if step > rolling {
		return n
	}
	return n * int64(step) / int64(rolling+1)
}

// epoch counts how often the cluster's numbers have changed.
func (c *Cluster) epoch(step int) int { return (step + c.phase) / c.pace }

// oldTenants is what clients before v1.0 report as cozy_tenants_count.
func (c *Cluster) oldTenants(step int) int64 {
	return int64(1 + c.below(6, topicTenants, c.epoch(step)))
}
