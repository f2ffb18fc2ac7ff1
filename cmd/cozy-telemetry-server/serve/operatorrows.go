package serve

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/operator"
)

func (s *server) serverRows(public string) operator.Section {
	return operator.Section{Title: "Server", Rows: []operator.Row{
		{Name: "Started", Value: s.when(s.metrics.started)},
		{Name: "Public listener", Value: s.cfg.listenAddr + ", on this machine " + public},
		{Name: "Takes reports of", Value: strings.Join(s.cfg.products.Names(), ", ")},
	}}
}

// reportRows tells of each product when it was heard of last, and what was refused.
func (s *server) reportRows(read map[string][]reading) operator.Section {
	section := operator.Section{Title: "Reports since the start"}
	for _, product := range s.cfg.products.Names() {
		last := "none since the start"
		if at := s.metrics.taken[product].last.Load(); at > 0 {
			last = s.when(time.UnixMilli(at))
		}
		refused := make(map[string]int64)
		for _, r := range read["reports_refused_total"] {
			if r.labels["product"] == product && r.value > 0 {
				refused[r.labels["reason"]] += int64(r.value)
			}
		}
		all := total(read["reports_total"], "product", product)
		var reasons []string
		for _, reason := range slices.Sorted(maps.Keys(refused)) {
			all -= refused[reason]
			reasons = append(reasons, fmt.Sprintf("%d %s", refused[reason], reason))
		}
		section.Rows = append(section.Rows,
			operator.Row{Name: product + ": last", Value: last},
			operator.Row{Name: product + ": taken", Value: fmt.Sprint(all)},
			operator.Row{Name: product + ": refused", Value: cmp.Or(strings.Join(reasons, ", "), "none"), Bad: refused["store"] > 0},
		)
	}
	return section
}

// fileRows tells of the database file. It looks at none of its pages.
func (s *server) fileRows(ctx context.Context, read map[string][]reading) operator.Section {
	used, free := total(read["database_bytes"], "", ""), "none"
	if bytes, pages := s.store.FreeBytes(); pages > 0 {
		free = fmt.Sprintf("%s in %s", cli.BytesText(bytes), cli.CountOf(pages, "page"))
	}
	size := cli.BytesText(used) + " used"
	if info, err := os.Stat(s.cfg.dbPath); err == nil {
		size = cli.BytesText(info.Size()) + ", " + size
	}
	bound := "none"
	if s.cfg.dbMaxBytes > 0 {
		bound = cli.BytesText(s.cfg.dbMaxBytes)
	}
	takes := operator.Row{Name: "Takes commits", Value: "yes"}
	if err := s.store.Ready(ctx); err != nil {
		takes = operator.Row{Name: "Takes commits", Value: "no: " + operator.Hide(err.Error()), Bad: true}
	}
	return operator.Section{Title: "Database file", Rows: []operator.Row{
		{Name: "Path", Value: s.cfg.dbPath},
		{Name: "Size", Value: size},
		{Name: "To be used again", Value: free},
		{Name: "Grown since the start", Value: cli.BytesText(max(used-s.bytesFirst, 0))},
		{Name: "Bound", Value: bound, Bad: s.cfg.dbMaxBytes > 0 && used > s.cfg.dbMaxBytes/10*9},
		takes,
		{Name: "Commits that failed", Value: fmt.Sprint(total(read["commits_total"], "outcome", "failed"))},
	}}
}

// forwardRows tells of the queue, and of each receiver.
func (s *server) forwardRows() operator.Section {
	q := s.store.Queue()
	oldest := "nothing waits"
	if !q.Oldest.IsZero() {
		oldest = s.when(q.Oldest)
	}
	section := operator.Section{Title: "Forwarding", Rows: []operator.Row{
		{Name: "Queue", Value: fmt.Sprintf("%s, %s of %s", cli.CountOf(q.Blocks, "block"), cli.BytesText(q.Bytes), cli.BytesText(s.store.QueueBound())), Bad: q.Bytes > s.store.QueueBound()/10*9},
		{Name: "Oldest that waits", Value: oldest},
		{Name: "Dropped samples", Value: fmt.Sprint(q.DroppedSamples + q.Unreadable), Bad: q.DroppedSamples+q.Unreadable > 0},
	}}
	for _, product := range s.cfg.products.Names() {
		url := s.cfg.forwardURLOf(product)
		if url == "" {
			section.Rows = append(section.Rows, operator.Row{Name: product, Value: "is not forwarded"})
			continue
		}
		section.Rows = append(section.Rows, operator.Row{Name: product + ": to", Value: operator.HideAddress(url)})
		section.Rows = append(section.Rows, s.pulseRows(product+": ", pulseOfForward+product)...)
	}
	return section
}

// vmselectRows tells how vmselect answers, and whether it is asked at all.
func (s *server) vmselectRows() operator.Section {
	address := operator.Row{Name: "Address", Value: "none: the rollups answer"}
	if s.cfg.vmselectURL == "" {
		return operator.Section{Title: "vmselect", Rows: []operator.Row{address}}
	}
	address.Value = operator.HideAddress(s.cfg.vmselectURL)
	asked := operator.Row{Name: "Is asked", Value: "yes"}
	if s.overview.Resting() != nil {
		asked = operator.Row{Name: "Is asked", Value: "in the background alone, until it answers in time", Bad: true}
	}
	rows := append([]operator.Row{address}, s.pulseRows("", pulseOfAsks)...)
	return operator.Section{Title: "vmselect", Rows: append(rows, asked)}
}

// copyRows tells of the mirror and the backups.
func (s *server) copyRows(read map[string][]reading) operator.Section {
	return operator.Section{Title: "Copies", Rows: append(s.mirrorRows(read), s.backupRows()...)}
}

func (s *server) mirrorRows(read map[string][]reading) []operator.Row {
	if s.cfg.snapshotDir == "" {
		return []operator.Row{{Name: "Mirror", Value: "none is written"}}
	}
	left := total(read["mirror_left_out_days"], "", "")
	return append([]operator.Row{
		{Name: "Mirror", Value: s.cfg.snapshotDir},
		{Name: "Mirror: days without room", Value: fmt.Sprint(left), Bad: left > 0},
	}, s.pulseRows("Mirror: ", pulseOfMirror)...)
}

func (s *server) backupRows() []operator.Row {
	if s.cfg.backupDir == "" {
		return []operator.Row{{Name: "Backups", Value: "none are written; those that are asked for are sent"}}
	}
	newest, next := "none yet", "soon"
	if at, ok := s.backups.Newest(); ok {
		newest = s.when(at)
		if due := at.Add(s.cfg.backupEvery); due.After(s.now()) {
			next = s.when(due)
		}
	}
	return append([]operator.Row{
		{Name: "Backups", Value: s.cfg.backupDir},
		{Name: "Backups: newest", Value: newest},
		{Name: "Backups: next", Value: next},
	}, s.pulseRows("Backups: ", pulseOfBackups)...)
}

// volumeRows tells how much is free where the server writes.
func (s *server) volumeRows(read map[string][]reading) operator.Section {
	section := operator.Section{Title: "Free on the volumes"}
	for _, r := range read["volume_free_bytes"] {
		row := operator.Row{Name: "Of the " + r.labels["of"], Value: "can't be told", Bad: true}
		if free := int64(r.value); free >= 0 {
			row.Value, row.Bad = cli.BytesText(free), free < s.cfg.minFreeBytes
		}
		section.Rows = append(section.Rows, row)
	}
	section.Rows = append(section.Rows, operator.Row{Name: "Kept for reports", Value: cli.BytesText(s.cfg.minFreeBytes)})
	return section
}

// anomalyRows tells what the last look has found.
func anomalyRows(read map[string][]reading) operator.Section {
	section := operator.Section{Title: "Anomalies, by the last look"}
	for _, r := range read["anomalies"] {
		section.Rows = append(section.Rows, operator.Row{Name: r.labels["kind"], Value: fmt.Sprint(int64(r.value)), Bad: r.value > 0})
	}
	return section
}

// pulseRows tell when something has worked last, and since when it fails and why.
func (s *server) pulseRows(prefix, name string) []operator.Row {
	pulse := s.pulses.Of(name)
	worked := "not since the start"
	if !pulse.Worked.IsZero() {
		worked = s.when(pulse.Worked)
	}
	rows := []operator.Row{{Name: prefix + "worked last", Value: worked}}
	if !pulse.Failing.IsZero() {
		rows = append(rows, operator.Row{Name: prefix + "fails since", Value: s.when(pulse.Failing) + ": " + pulse.Why, Bad: true})
	}
	return rows
}

// when writes a time, and how long ago it is or will be.
func (s *server) when(at time.Time) string {
	text, passed := at.UTC().Format("2006-01-02 15:04:05 UTC"), s.now().Sub(at).Truncate(time.Second)
	if passed < 0 {
		return fmt.Sprintf("%s, in %s", text, -passed)
	}
	return fmt.Sprintf("%s, %s ago", text, passed)
}
