// Package forget is the command forget, and what a server does when it is asked: clusters
// are removed from a file and its mirror, all of them or some days.
//
// A [Request] says what is meant (forget.go). The command reads it (command.go), tells what
// there is of it, asks, and has it done: on a file that no server has open (atrest.go), or
// by a server (ask.go), which does it in its [Loop] (handler.go).
package forget

import (
	"errors"
	"fmt"

	"github.com/cozystack/cozystack-telemetry-server/store/rewrite"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Request says what is to be forgotten.
type Request struct {
	// Clusters are their ids. Empty: all that reported on the days.
	Clusters []string `json:"clusters,omitempty"`
	// From and To are the first and the last day, such as 2026-03-01. Empty: all days.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// DryRun only tells what there is.
	DryRun bool `json:"dry_run,omitempty"`
}

// selection returns what is meant, or what is wrong with the request.
func (r Request) selection() (sel rollup.Selection, err error) {
	sel.Product = rollup.Cozystack
	if len(r.Clusters) == 0 && r.From == "" && r.To == "" {
		return sel, errors.New("nothing is named: clusters, days, or both")
	}
	for _, id := range r.Clusters {
		if id == "" {
			return sel, errors.New("a cluster's id is empty")
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
