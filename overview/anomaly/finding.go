package anomaly

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Kind sorts findings. There are few, so that they can be a label.
type Kind string

// The kinds of findings.
const (
	KindNewIDs  Kind = "new_ids"  // many more new ids on a day than on other days
	KindShare   Kind = "share"    // one cluster has a large part of a total
	KindMonth   Kind = "month"    // a month's figure is above what its history lets expect
	KindAlike   Kind = "alike"    // many clusters report the same series with the same values
	KindRefused Kind = "refused"  // many reports are refused
	KindLeftOut Kind = "left_out" // many series are left out because of a bound
)

// Kinds returns all kinds.
func Kinds() []Kind {
	return []Kind{KindNewIDs, KindShare, KindMonth, KindAlike, KindRefused, KindLeftOut}
}

// MaxExamples is how many ids a finding names at most.
const MaxExamples = 5

// Finding is something that is not usual.
type Finding struct {
	Kind Kind `json:"kind"`
	// When is the day or the month, such as 2026-03-01 or 2026-03; of traffic, the
	// minute since when it was counted.
	When string `json:"when"`
	// Figure is the one that it is about; empty for traffic.
	Figure string `json:"figure,omitempty"`
	// Found is how much there is, and Expected the most that is usual. Those of
	// [KindShare] and [KindAlike] are of a total, 0 to 1.
	Found    float64 `json:"found"`
	Expected float64 `json:"expected"`
	// What says it in words, without an id.
	What string `json:"what"`
	// Examples are ids that it is about, MaxExamples at most.
	Examples []string `json:"examples,omitempty"`
	// Next says what to do about it: a command line that selects what it is about, or a
	// sentence.
	Next string `json:"next"`
}

// excludeCommand is what a finding advises where made-up clusters are to be left out.
const excludeCommand = "cozy-telemetry-server exclude"

// exclude returns the command line that leaves out some ids. These have letters, digits
// and "._-" alone, so that a shell takes them as they are; but one may look like a flag.
func exclude(ids []string) string {
	command := excludeCommand
	if slices.ContainsFunc(ids, func(id string) bool { return strings.HasPrefix(id, "-") }) {
		command += " --"
	}
	return command + " " + strings.Join(ids, " ")
}

// excludeLike returns the one for those with the series of an id that were first seen
// between two days: honest clusters may have the same series, with other values.
func excludeLike(id string, from, to rollup.Date) string {
	return fmt.Sprintf("%s --like=%s --first-seen-from %s --first-seen-to %s", excludeCommand, id, from, to)
}

// excludeFirstSeen returns the one for what was first seen between two days.
func excludeFirstSeen(from, to rollup.Date) string {
	return fmt.Sprintf("%s --first-seen-from %s --first-seen-to %s", excludeCommand, from, to)
}

// Key tells a finding from others, in one look and in the next: it stays while what it is
// about grows.
func (f Finding) Key() string {
	switch f.Kind {
	case KindRefused, KindLeftOut:
		return string(f.Kind) // it goes on, whatever the hour
	case KindShare:
		return strings.Join([]string{string(f.Kind), f.When, f.Figure, f.Examples[0]}, " ")
	case KindAlike:
		return string(f.Kind) + " " + f.When // which figure is the worst may change
	}
	return strings.Join([]string{string(f.Kind), f.When, f.Figure}, " ")
}
