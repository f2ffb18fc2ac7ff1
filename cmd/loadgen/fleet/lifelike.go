package fleet

import "time"

// world is what the clusters of a lifelike fleet have in common. It never changes.
type world struct {
	every         time.Duration
	days          int
	releases      []string
	cozystack     track
	quiet, spoken int // the days of the dip
}

func newWorld(cfg Config) *world {
	w := &world{every: cfg.Every, days: max(1, int(time.Duration(cfg.Steps)*cfg.Every/day))}
	w.releases, w.cozystack = cozystackReleases(cfg.Seed, w.days)
	w.quiet, w.spoken = w.days*55/100, w.days*65/100
	return w
}

const (
	day  = 24 * time.Hour
	year = 365

	// settledShare of the clusters are there on day 0. quietShare do not report in the dip.
	settledShare, quietShare = 0.2, 0.2
	// Of those that come later some are but tried out, and of all some are given up later.
	triedShare, triedDays     = 0.2, 70
	leavingShare, leavingDays = 0.3, 900
)

// step returns the first step of a day.
func (w *world) step(date int) int { return int((time.Duration(date)*day + w.every - 1) / w.every) }

// date returns the day of a step, from 0.
func (w *world) date(step int) int { return int(time.Duration(step) * w.every / day) }

// live says when the cluster is born and dies, and how often its numbers change.
func (w *world) live(c *Cluster) {
	if c.index > 0 && !c.chance(settledShare, topicBorn) {
		c.bornOn = int(c.unit(topicBornAt, 0) * float64(w.days))
	}
	life := never
	switch drawn := c.unit(topicDies, 0); {
	case c.index == 0:
	case c.bornOn > 0 && drawn < triedShare:
		life = 2 + c.below(triedDays, topicDiesAt, 0)
	case drawn > 1-leavingShare:
		life = triedDays + c.below(leavingDays, topicDiesAt, 0)
	}
	c.born, c.dies = w.step(c.bornOn), never
	if life < never {
		c.dies = w.step(c.bornOn + life)
	}
	c.pace = max(1, w.step(20+c.below(60, topicPace, 0)))
	c.phase = c.below(c.pace, topicPhase, 0)
	c.baseNodes = sizeOf(c.unit(topicNodes, -1), c.unit(topicNodes, -2))
}

// sizeOf returns how many nodes a cluster begins with: three most often, many seldom. The
// second number is where within a range it is.
func sizeOf(rank, within float64) int {
	for _, size := range []struct {
		share    float64
		from, to int
	}{{0.13, 1, 1}, {0.52, 3, 3}, {0.75, 4, 6}, {0.9, 7, 12}, {0.97, 13, 22}, {1, 26, 60}} {
		if rank < size.share {
			return size.from + int(within*float64(size.to-size.from+1))
		}
	}
	return 1
}

// isQuiet tells whether the cluster reports nothing for a while.
func (c *Cluster) isQuiet(step int) bool {
	date := c.world.date(step)
	return date >= c.world.quiet && date < c.world.spoken && c.index > 0 && c.chance(quietShare, topicQuiet)
}

// grown returns how much larger something of the cluster is than in the beginning, 1 or more.
// Half of the clusters stay as they are.
func (c *Cluster) grown(step int) float64 {
	gain := max(0, c.unit(topicGrowth, 0)-0.5) * 2
	age := max(0, c.world.date(step)-c.bornOn)
	return 1 + gain*float64(age)/year
}

func (c *Cluster) lifelikeNodes(step int) int64 {
	n := int(float64(c.baseNodes) * c.grown(step))
	if c.baseNodes > 3 {
		n += c.below(4, topicNodes, c.epoch(step)) / 2 // now and then one more
	}
	return int64(n)
}

// lifelikeKernels calls fn with the nodes by image.
func (c *Cluster) lifelikeKernels(step int, fn func(kernel int, nodes int64)) {
	n := c.Nodes(step)
	switch drawn := c.unit(topicRareImage, 0); {
	case drawn < 0.03:
		fn(talosImages, n)
		return
	case drawn < 0.035:
		fn(talosImages+1, n)
		return
	}
	const delay = 240
	now, since := c.runs(topicImage, imageTrack, delay, c.world.date(step))
	before := now
	if since > c.bornOn {
		before, _ = c.runs(topicImage, imageTrack, delay, since-1)
	}
	upgraded := c.upgraded(n, step-c.world.step(since)+1)
	if upgraded < n {
		fn(before, n-upgraded)
	}
	if upgraded > 0 {
		fn(now, upgraded)
	}
}

// popularity is how large a share of lifelike clusters uses each kind, and how many of it such a
// cluster begins with at most.
var popularity = [len(kinds)]struct {
	share float64
	most  int
}{
	tenantKind: {1, 6}, {0.62, 9}, {0.38, 6}, {0.71, 4}, {0.47, 12}, {0.16, 3}, {0.04, 2}, {0.14, 1}, {0.08, 4}, {0.15, 3},
	{0.31, 5}, {0.27, 5}, {0.1, 3}, {0.12, 2}, {0.09, 1}, {0.06, 2}, {0.05, 2}, {0.2, 3}, {0.07, 2}, {0.05, 2},
	{0.52, 14}, {0.49, 12}, {0.13, 2}, {0.58, 3}, {0.55, 3}, {0.44, 2}, {0.18, 6}, mislabeled: {1, 6},
}

// lifelikeCount returns how many of a kind there are. Some begin to use it later.
func (c *Cluster) lifelikeCount(kind, step int) int64 {
	t, p := topicKind+topic(kind), popularity[kind]
	since := c.bornOn + max(0, c.below(500, t, -2)-250)
	if c.unit(t, -1) >= p.share || kind != tenantKind && c.world.date(step) < since {
		return 0
	}
	begun := 1 + c.below(p.most, t, -3)
	return int64(float64(begun)*c.grown(step)*c.grown(step)) + int64(c.below(3, t, c.epoch(step))/2)
}
