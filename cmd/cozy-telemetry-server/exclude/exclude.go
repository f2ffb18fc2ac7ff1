// Package exclude is the commands exclude and include, and what a server does when they
// ask it: the figures leave clusters out, or have them again, while nothing is removed.
//
// A [Request] names the clusters, or says what they have in common (request.go);
// selection.go finds them. An [Excluder] says what the months would show, and carries it
// out (exclude.go, months.go) on an open file: that of a server, which is asked on its
// private listener (handler.go), or one that no server has open. [Commands] are the two
// (command.go); ask.go asks a server, and print.go tells a person.
package exclude

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/overview"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Excluder works on an open file. Store, Overview and Now are required. Its methods may be
// called concurrently.
type Excluder struct {
	Store    *store.Store
	Overview *overview.Overview
	Now      func() time.Time
	// Mirror, if set, mirrors the months and what is excluded.
	Mirror func()

	// turn is held while something is excluded: the next one sees what it has changed.
	turn sync.Mutex
}

// Result says what was done or, without Applied, what would be.
type Result struct {
	Applied bool `json:"applied"`
	// Product is whose instances they are; empty for Cozystack's clusters.
	Product string `json:"product,omitempty"`
	// Clusters are those that were chosen and not excluded yet or, to include, that are.
	Count    int       `json:"count"`
	Clusters []Cluster `json:"clusters"`
	// Excluded is how many are excluded in all then.
	Excluded int `json:"excluded"`
	// Months are those of which the figures change.
	Months []Month `json:"months"`
}

// run does what a request asks for. include undoes.
func (e *Excluder) run(ctx context.Context, r Request, include bool) (Result, error) {
	e.turn.Lock()
	defer e.turn.Unlock()
	chosen, err := e.choose(ctx, r, include)
	if err != nil {
		return Result{}, err
	}
	before := e.Store.Exclusions(r.product())
	after := changed(before, chosen, include)
	result := Result{Product: r.Product, Count: len(chosen), Clusters: chosen, Excluded: len(after.Instances), Months: []Month{}}
	if len(chosen) == 0 {
		return result, nil
	}
	if result.Months, err = e.months(ctx, r.product(), chosen, before, after); err != nil || !r.Apply {
		return result, err
	}
	result.Applied = true
	return result, e.apply(ctx, r, include, &result)
}

// changed is the set with some clusters more, or fewer.
func changed(before rollup.Exclusions, chosen []Cluster, include bool) rollup.Exclusions {
	all := slices.Clone(before.Instances)
	for _, c := range chosen {
		if !include {
			all = append(all, c.ID)
		} else if i, ok := slices.BinarySearch(all, c.ID); ok {
			all = slices.Delete(all, i, i+1)
		}
	}
	return rollup.NewExclusions(all)
}

// recountTime is how long who asks waits for the months. What is left is counted soon.
const recountTime = 20 * time.Second

// apply carries it out, and has the months counted again. Once it is committed no error
// undoes it: a month that was not counted again is stale, and is counted when it is asked
// for, or by the next look at all months.
func (e *Excluder) apply(ctx context.Context, r Request, include bool, result *Result) error {
	if err := e.commit(ctx, r, include, result.Clusters); err != nil {
		return err
	}
	counting, cancel := context.WithTimeout(ctx, recountTime)
	defer cancel()
	kept, err := e.Overview.CountAgain(counting)
	if e.Mirror != nil {
		e.Mirror()
	}
	if err != nil && counting.Err() == nil {
		return fmt.Errorf("it is done, but not all months are counted again yet: %w", err)
	}
	return e.settled(r.product(), result, kept)
}

func (e *Excluder) commit(ctx context.Context, r Request, include bool, chosen []Cluster) (err error) {
	var ids []string
	var all []rollup.Exclusion
	now := e.Now().UTC().Truncate(time.Second)
	for _, c := range chosen {
		ids = append(ids, c.ID)
		all = append(all, rollup.Exclusion{Product: r.product(), Instance: c.ID, At: now, Reason: r.Reason})
	}
	if include {
		_, err = e.Store.Include(ctx, r.product(), ids)
	} else {
		_, err = e.Store.Exclude(ctx, all)
	}
	return err
}
