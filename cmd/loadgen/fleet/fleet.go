package fleet

import (
	"cmp"
	"time"
)

// Config describes a fleet. The same Config always gives the same reports.
type Config struct {
	Seed uint64
	// Clusters is how many there are over all time; 0 means 1.
	Clusters int
	// Steps is over how many steps births, deaths and upgrades are spread; 0
	// means 1. Reports may be asked for beyond it: nothing is born, dies or is
	// upgraded there.
	Steps int
	// Full makes reports as large as those of a busy cluster: 58 lines of the
	// operator and 27 of the controller, instead of 11 and 5 to 7.
	Full bool
	// UpgradeShare, BirthShare and DeathShare, 0 to 1, are the shares of the
	// clusters that upgrade their kernel, first report after step 0, and stop
	// reporting. The cluster with index 0 is always alive.
	UpgradeShare, BirthShare, DeathShare float64
	// Lifelike makes the fleet one that changes over months as real ones do; see the package.
	// Full and the shares are ignored then.
	Lifelike bool
	// Every is the time between two steps, for lifelike fleets; 0 means 6 hours.
	Every time.Duration
}

// Shares of clusters that are not for the caller to choose.
const (
	v0Share       = 0.04
	mislabelShare = 0.05
)

func (c Config) withDefaults() Config {
	c.Clusters = max(c.Clusters, 1)
	c.Steps = max(c.Steps, 1)
	c.Every = cmp.Or(c.Every, 6*time.Hour)
	return c
}

// Fleet is a set of simulated clusters. It holds no state: it may be used
// concurrently.
type Fleet struct {
	cfg   Config
	world *world // nil unless the fleet is lifelike
}

// New returns a fleet.
func New(cfg Config) *Fleet {
	f := &Fleet{cfg: cfg.withDefaults()}
	if cfg.Lifelike {
		f.world = newWorld(f.cfg)
	}
	return f
}

// Len returns how many clusters the fleet has over all time.
func (f *Fleet) Len() int { return f.cfg.Clusters }

// Cluster returns a cluster by its index, 0 to Len-1.
func (f *Fleet) Cluster(index int) Cluster {
	c := Cluster{
		index:   index,
		key:     mix(mix(f.cfg.Seed) ^ uint64(index)),
		full:    f.cfg.Full,
		dies:    never,
		upgrade: never,
		world:   f.world,
	}
	c.mislabel = c.chance(mislabelShare, topicMislabel)
	if c.world != nil {
		c.full = true
		c.world.live(&c)
		return c
	}
	c.v0 = c.chance(v0Share, topicV0)
	c.baseNodes = 1 + min(c.below(20, topicNodes, -1), c.below(20, topicNodes, -2))
	c.pace = 8 + c.below(33, topicPace, 0)
	c.phase = c.below(c.pace, topicPhase, 0)
	if index > 0 && c.chance(f.cfg.BirthShare, topicBorn) {
		c.born = min(1+c.below(f.cfg.Steps-1, topicBornAt, 0), f.cfg.Steps-1)
	}
	life := f.cfg.Steps - c.born
	if index > 0 && c.chance(f.cfg.DeathShare, topicDies) {
		life = min(1+c.below(life-1, topicDiesAt, 0), life)
		c.dies = c.born + life
	}
	if c.chance(f.cfg.UpgradeShare, topicUpgrade) {
		c.upgrade = c.born + c.below(life, topicUpgradeAt, 0)
	}
	return c
}
