package fleet

import "fmt"

// track has the days on which the versions of something came out, the oldest first. The first
// ones were there before day 0.
type track []int

// Days between releases. Each is at least so many, and at most its jitter more.
const (
	minorDays, minorJitter = 42, 15
	patchDays, patchJitter = 8, 12

	imageDays, kubernetesDays = 55, 70
)

// image is what nodes boot.
type image struct{ os, kernel string }

var (
	kubernetesVersions = []string{
		"v1.31.4", "v1.31.6", "v1.32.3", "v1.32.6", "v1.33.1", "v1.33.4", "v1.34.0", "v1.34.2", "v1.35.0", "v1.35.3", "v1.36.1",
	}
	images = []image{
		{"linux (Talos (v1.8.4))", "6.6.64-talos"},
		{"linux (Talos (v1.9.1))", "6.12.6-talos"},
		{"linux (Talos (v1.9.5))", "6.12.18-talos"},
		{"linux (Talos (v1.10.2))", "6.12.28-talos"},
		{"linux (Talos (v1.10.5))", "6.12.35-talos"},
		{"linux (Talos (v1.11.2))", "6.12.48-talos"},
		{"linux (Talos (v1.11.5))", "6.12.57-talos"},
		{"linux (Talos (v1.12.1))", "6.18.2-talos"},
		{"linux (Talos (v1.12.4))", "6.18.9-talos"},
		{"linux (Talos (v1.12.6))", "6.18.14-talos"},
		{"linux (Talos (v1.13.0))", "6.18.21-talos"},
		{"linux (Talos (v1.13.4))", "6.18.33-talos"},
		{"linux (Talos (v1.14.1))", "6.18.41-talos"},
		// Few have one of these, and they stay with it.
		{"linux (Ubuntu 24.04.2 LTS)", "6.8.0-60-generic"},
		{"linux (Debian GNU/Linux 12 (bookworm))", "6.1.0-37-amd64"},
	}
	kubernetesTrack = evenly(len(kubernetesVersions), kubernetesDays)
	imageTrack      = evenly(talosImages, imageDays)
)

// talosImages is how many of the images are Talos; the others are rare.
const talosImages = 13

// evenly returns the days of n versions. The first was there before day 0, for half of its time.
func evenly(n, days int) track {
	t := make(track, n)
	for i := range t {
		t[i] = i*days - days/2
	}
	return t
}

// cozystackReleases returns the versions that come out until a day, and when. Another seed has
// other days and other numbers of patches.
func cozystackReleases(seed uint64, until int) (names []string, days track) {
	drawn := func(limit, minor, n int) int {
		return int(mix(seed^mix(uint64(minor)<<8|uint64(n))) % uint64(limit))
	}
	day := -minorDays / 2
	for minor := 0; day <= until; minor++ {
		out := day
		for patch := range 2 + drawn(2, minor, 0) {
			names = append(names, fmt.Sprintf("v1.%d.%d", minor, patch))
			days = append(days, out)
			out += patchDays + drawn(patchJitter, minor, patch+1)
		}
		day += minorDays + drawn(minorJitter, minor, 100)
	}
	return names, days
}

// runs returns what the cluster has of a track on a day, and since which day. It never goes
// back. what is the topic of the track, delay how many days the slow ones take at most.
func (c *Cluster) runs(what topic, t track, delay, day int) (version, since int) {
	for i := len(t) - 1; i > 0; i-- {
		if at := c.takesUp(what, t, delay, i); at <= day {
			return i, at
		}
	}
	return 0, c.bornOn
}

// takesUp returns the day on which the cluster takes up a version, if it has no newer one yet.
// A new cluster has what is the newest; afterwards some upgrade at once, most wait, and
// leave versions out, and some never do.
func (c *Cluster) takesUp(what topic, t track, delay, version int) int {
	if t[version] <= c.bornOn {
		return c.bornOn
	}
	wait := c.unit(what, version)
	switch habit := c.unit(topicHabit, 0); {
	case habit < 0.3:
		return t[version] + int(wait*wait*float64(delay)/5)
	case habit < 0.88 && c.below(2, what, -version) == 0:
		return t[version] + delay/10 + int(wait*wait*float64(delay))
	}
	return never
}
