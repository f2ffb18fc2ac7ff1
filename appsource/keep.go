package appsource

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// maxUnknown bounds the unknown kinds that are kept of a month, so that one
// cluster that makes up kinds can't swell what everybody is told.
const maxUnknown = 100

// kindName is what Kubernetes takes as a kind: in lower case it must be a label
// of DNS (apiextensions: ValidateCustomResourceDefinitionNames). Other texts are
// no kinds, and never shown.
var kindName = regexp.MustCompile(`^[a-zA-Z]([-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?$`)

// spelt is a kind in all its spellings.
type spelt struct {
	name  string // the first of the spellings, in lexical order
	count int64
	known bool // there is an application for it
}

// keep returns the kinds that can be shown, see [Source.Keep].
func (n *names) keep(kinds map[string]int64) map[string]int64 {
	kept := make(map[string]int64)
	var unknown []spelt
	for _, s := range n.spelt(kinds) {
		if s.known {
			kept[s.name] = s.count
		} else {
			unknown = append(unknown, s)
		}
	}
	slices.SortFunc(unknown, func(a, b spelt) int {
		return cmp.Or(cmp.Compare(b.count, a.count), strings.Compare(a.name, b.name))
	})
	for _, s := range unknown[:min(len(unknown), maxUnknown)] {
		kept[s.name] = s.count
	}
	return kept
}

// spelt adds up the kinds that differ in their spelling only, and leaves out what
// can't be a kind, and counts of 0 or less.
func (n *names) spelt(kinds map[string]int64) map[string]spelt {
	all := make(map[string]spelt, len(kinds))
	for kind, count := range kinds {
		if count <= 0 || !kindName.MatchString(kind) {
			continue
		}
		folded := fold(kind)
		s, ok := all[folded]
		if !ok || kind < s.name {
			s.name = kind
		}
		s.count = add(s.count, count)
		_, s.known = n.spellings[n.class(kind)]
		all[folded] = s
	}
	return all
}

// add adds counts that are not negative. It saturates.
func add(a, b int64) int64 { return min(a+min(b, maxCount), maxCount) }
