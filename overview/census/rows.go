package census

import (
	"cmp"
	"slices"
	"strings"

	"golang.org/x/mod/semver"

	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// row is a cluster that was seen in a month, and on which days.
type row struct {
	cluster uint32
	days    rollup.DaySet
}

// step says until which hour of a month a cluster ran a version.
type step struct {
	cluster, version uint32
	hour             uint16
}

// maxSteps is more versions than a cluster runs in a month: the last ones are kept.
const maxSteps = 16

// enterSteps writes down when a cluster last reported each release.
func (r *reading) enterSteps(cluster uint32, days rollup.DaySet) {
	r.ran = r.ran[:0]
	for _, p := range r.sheet.info.peaks {
		if v := release(p.Series.Label(labelVersion)); v != "" {
			r.ran = append(r.ran, ran{v, lastHour(p, days)})
		}
	}
	slices.SortFunc(r.ran, func(a, b ran) int {
		return cmp.Or(cmp.Compare(a.hour, b.hour), semver.Compare(a.version, b.version))
	})
	for _, last := range r.ran[max(len(r.ran)-maxSteps, 0):] {
		r.steps = append(r.steps, step{cluster, r.held.versions.number(last.version), last.hour})
	}
}

// ran says until which hour a cluster ran a version that has no number yet: those that are
// not kept get none.
type ran struct {
	version string
	hour    uint16
}

// lastHour returns the last hour in which a series was reported. Where it is not known, it
// is the end of the last day that is.
func lastHour(p *rollup.Peak, days rollup.DaySet) uint16 {
	switch {
	case p.Seen != 0:
		return p.Seen
	case p.PeakDay != 0:
		return uint16(p.PeakDay)*24 - 1
	}
	return uint16(days.Last())*24 - 1
}

// release returns a version that was released: no build in between, and no candidate.
func release(text string) string {
	v := version(text)
	if v == published.Other || semver.Prerelease(v) != "" {
		return ""
	}
	return semver.Canonical(v)
}

// numbering gives numbers to texts. The zero numbering is empty and ready.
type numbering struct {
	numbers map[string]uint32
	texts   []string
}

func (n *numbering) number(text string) uint32 {
	i, ok := n.numbers[text]
	if !ok {
		if n.numbers == nil {
			n.numbers = make(map[string]uint32)
		}
		text = strings.Clone(text) // not with the month's text that it is part of
		i = uint32(len(n.texts))
		n.numbers[text] = i
		n.texts = append(n.texts, text)
	}
	return i
}
