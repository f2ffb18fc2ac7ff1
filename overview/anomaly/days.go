package anomaly

import (
	"cmp"
	"context"
	"encoding/binary"
	"hash/maphash"
	"math"
	"slices"
	"strings"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

const (
	// recentDays are looked at for groups: today may have just begun.
	recentDays = 2
	// usualWeeks is with the same day of how many weeks before they are compared.
	usualWeeks = 4
	// minAlike is the smallest group. Fewer can be one who has some test clusters.
	minAlike = 10
	// topGroups bounds the groups that are remembered of a day.
	topGroups = 20
)

// gatherDay groups the instances of a day by what they have reported. Of those without a
// first day nothing is a figure.
func gatherDay(ctx context.Context, s Store, firstSeen func(string) rollup.Date, date rollup.Date) (Day, error) {
	d := Day{Date: date}
	groups := make(map[uint64]Group)
	prints := fingerprints{seed: maphash.MakeSeed()}
	excluded := s.Exclusions(rollup.Cozystack).Instances
	err := s.InstancesOf(ctx, rollup.Cozystack, date, func(instance string, day rollup.Day) error {
		first := firstSeen(instance)
		if _, ok := slices.BinarySearch(excluded, instance); ok || first == 0 {
			return nil
		}
		each := figuresOfDay(day)
		for f, value := range each {
			d.Totals[f] += value
		}
		hash := prints.of(day)
		g, ok := groups[hash]
		if !ok {
			g = Group{Each: each, Example: instance, From: first, To: first}
		}
		g.Count++
		g.Example = min(g.Example, instance)
		g.From, g.To = min(g.From, first), max(g.To, first)
		groups[hash] = g
		return nil
	})
	for _, g := range groups {
		if g.Count >= minAlike {
			d.Groups = append(d.Groups, g)
		}
	}
	slices.SortFunc(d.Groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.largestPart(d), a.largestPart(d)), strings.Compare(a.Example, b.Example))
	})
	d.Groups = slices.Clip(d.Groups[:min(len(d.Groups), topGroups)])
	return d, err
}

// largestPart returns the group's part of the figure of which it has most.
func (g Group) largestPart(d Day) (most float64) {
	for f := range numFigures {
		most = max(most, g.part(d, f))
	}
	return most
}

// fingerprints tells days apart by their series and values. Hours are no part of it:
// clusters that are made up report one after the other.
type fingerprints struct {
	seed maphash.Seed
	text []byte
}

func (p *fingerprints) of(day rollup.Day) uint64 {
	p.text = p.text[:0]
	for _, point := range day.Points {
		p.text = append(p.text, point.Series...)
		p.text = binary.BigEndian.AppendUint64(p.text, math.Float64bits(point.Peak))
	}
	return maphash.Bytes(p.seed, p.text)
}

// figuresOfDay does for a day what figuresOfMonth does for a month.
func figuresOfDay(d rollup.Day) (v Figures) {
	for _, sum := range d.Sums {
		v.take(sum.Metric, sum.Peak)
	}
	for _, p := range d.Points {
		if isTenants(p.Series) {
			v[Tenants] = max(v[Tenants], p.Peak)
		}
	}
	return v
}
