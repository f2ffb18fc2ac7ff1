// Package forget is the command forget, and what a server does when it is asked: clusters,
// or instances of another product, are removed from a file and its mirror, all of them or
// some days.
//
// A [Request] says what is meant (forget.go). The command reads it (command.go), tells what
// there is of it, asks, and has it done: on a file that no server has open (atrest.go), or
// by a server (ask.go), which does it in its [Loop] (handler.go).
package forget

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/products"
	"github.com/cozystack/cozystack-telemetry-server/store/rewrite"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Request says what is to be forgotten.
type Request struct {
	// Product is whose instances are meant. Empty: Cozystack's clusters.
	Product string `json:"product,omitempty"`
	// Clusters are their ids, and Names those of instances of another product, as they were
	// reported. Neither: all that reported on the days.
	Clusters []string `json:"clusters,omitempty"`
	Names    []string `json:"names,omitempty"`
	// From and To are the first and the last day, such as 2026-03-01. Empty: all days.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// DryRun only tells what there is.
	DryRun bool `json:"dry_run,omitempty"`
}

// selection returns what is meant, or what is wrong with the request. key returns the key
// that names are hashed under.
func (r Request) selection(key func() ([]byte, error)) (sel rollup.Selection, err error) {
	sel.Product = cmp.Or(r.Product, rollup.Cozystack)
	if len(r.Clusters)+len(r.Names) == 0 && r.From == "" && r.To == "" {
		return sel, errors.New("nothing is named: clusters, names, days, or some of these")
	}
	ids, err := products.IDs(r.Product, r.Names, key)
	if err != nil {
		return sel, err
	}
	for _, id := range slices.Concat(r.Clusters, ids) {
		if id == "" {
			return sel, errors.New("an id is empty")
		}
		if sel.Instances == nil {
			sel.Instances = make(map[string]struct{})
		}
		sel.Instances[id] = struct{}{}
	}
	if r.From == "" && r.To == "" {
		return sel, nil
	}
	from, fromErr := rollup.ParseDate(r.From)
	to, toErr := rollup.ParseDate(r.To)
	if fromErr != nil || toErr != nil || to < from {
		return sel, fmt.Errorf("from %q to %q are no days such as 2026-03-01 to 2026-03-07, the first one before the last", r.From, r.To)
	}
	sel.From, sel.To = from, to
	return sel, nil
}

// Result is what was forgotten.
type Result struct {
	rewrite.Found
	// Lines of the mirror that were removed.
	MirrorLines int `json:"mirror_lines"`
	// PausedMS is how long reports waited, in milliseconds.
	PausedMS int64 `json:"paused_ms"`
}
