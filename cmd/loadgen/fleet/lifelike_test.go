package fleet

import (
	"bytes"
	"regexp"
	"testing"
	"time"
)

// lifelike is a fleet that reports in testSteps, so far apart.
func lifelike(every time.Duration) *Fleet {
	return New(Config{Seed: 7, Clusters: 400, Steps: testSteps, Every: every, Lifelike: true})
}

// monthly is a lifelike fleet of two years, each step of which is a month or so later.
func monthly() *Fleet { return lifelike(2 * year * day / testSteps) }

func TestLifelikeSameSeedSameBytes(t *testing.T) {
	first := all(monthly())
	if !bytes.Equal(first, all(monthly())) {
		t.Error("the same fleet sent something else")
	}
	other := New(Config{Seed: 8, Clusters: 400, Steps: testSteps, Every: 2 * year * day / testSteps, Lifelike: true})
	if bytes.Equal(first, all(other)) {
		t.Error("another seed sent the same")
	}
}

// The fleet grows throughout but in its dip, and clusters that have come leave again.
func TestLifelikeFleetGrowsAndDips(t *testing.T) {
	f := monthly()
	var alive [testSteps]int
	var nodes, apps [testSteps]int64
	born := make(map[int]int)
	left := 0
	for i := range f.Len() {
		c := f.Cluster(i)
		born[c.born]++
		if c.dies < testSteps {
			left++
		}
		for step := range testSteps {
			if !c.Alive(step) {
				continue
			}
			alive[step]++
			nodes[step] += c.Nodes(step)
			c.eachKind(step, func(_ int, n int64) { apps[step] += n })
		}
	}
	const last = testSteps - 1
	if alive[0] < 60 || alive[0] > 110 || alive[last] < 2*alive[0] || nodes[last] < 3*nodes[0] || apps[last] < 3*apps[0] {
		t.Errorf("clusters %v, nodes %v, applications %v", alive, nodes, apps)
	}
	dip, over := f.world.step(f.world.quiet), f.world.step(f.world.spoken)
	if n := alive[dip]; n*10 > alive[dip-1]*9 || n*10 > alive[over]*9 {
		t.Errorf("no dip from step %d to %d: %v", dip, over, alive)
	}
	if len(born) < 30 || left < 60 || left > 200 {
		t.Errorf("born on %d days, %d left", len(born), left)
	}
}

// Releases come out over the months, and no cluster goes back.
func TestLifelikeClustersUpgrade(t *testing.T) {
	f := monthly()
	first := make(map[int]int) // when each release was first run
	var never, often int
	for i := range f.Len() {
		c := f.Cluster(i)
		before, upgrades := 0, 0
		for step := c.born; step < testSteps; step++ {
			now, since := c.runs(topicCozystack, c.world.cozystack, 120, c.world.date(step))
			if now < before || since > c.world.date(step) || since < c.world.cozystack[now] && since != c.bornOn {
				t.Fatalf("cluster %d step %d: release %d of day %d since day %d, before %d", i, step, now, c.world.cozystack[now], since, before)
			}
			if now > before && step > c.born {
				upgrades++
			}
			if at, ok := first[now]; !ok || step < at {
				first[now] = step
			}
			before = now
		}
		switch {
		case c.born < testSteps/2 && upgrades == 0:
			never++
		case upgrades > 6:
			often++
		}
	}
	if minors := len(f.world.releases); minors < 30 || minors > 60 || len(first) < 25 {
		t.Errorf("%d releases, %d were run", minors, len(first))
	}
	if never < 10 || never > 80 || often < 80 {
		t.Errorf("%d never upgraded, %d often", never, often)
	}
}

// Some values are common and some are rare.
func TestLifelikeFleetHasRareValues(t *testing.T) {
	f := New(Config{Seed: 1, Clusters: 1000, Steps: 1, Lifelike: true})
	label := regexp.MustCompile(`(?m)^[a-z_]+\{.*(?:driver|os|resource|variant)="([^"]*)"`)
	clusters := make(map[string]int)
	for i := range f.Len() {
		c := f.Cluster(i)
		values := make(map[string]bool)
		for _, m := range label.FindAllStringSubmatch(string(c.Report(nil, Operator, c.born)), -1) {
			values[m[1]] = true
		}
		for v := range values {
			clusters[v]++
		}
	}
	for value, at := range map[string][2]int{
		"linstor.csi.linbit.com": {800, 999}, "nfs.csi.k8s.io": {20, 100}, "driver.longhorn.io": {1, 15},
		"nvidia.com/TU104GL_TESLA_T4": {40, 130}, "amd.com/gpu": {1, 15}, "isp-hosted": {150, 300}, "custom": {1, 20},
	} {
		if n := clusters[value]; n < at[0] || n > at[1] {
			t.Errorf("%d clusters have %s", n, value)
		}
	}
}
