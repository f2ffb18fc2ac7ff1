package attack

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/load"
)

// Answers counts requests by what came of them.
type Answers struct {
	Taken, Refused int
	// Slowest is the longest that one of them took.
	Slowest time.Duration
}

func (a *Answers) add(r load.Result) {
	a.Taken += r.Codes[http.StatusOK]
	a.Refused += r.Requests - r.Codes[http.StatusOK]
	a.Slowest = max(a.Slowest, r.Max)
}

func (a *Answers) count(status int) {
	if status/100 == 2 {
		a.Taken++
	} else {
		a.Refused++
	}
}

// Row is what came of one attack.
type Row struct {
	Key, What string
	// Before, During and After are of the running month; After is when it was undone.
	Before, During, After Moment
	// Sent are the stranger's requests, Honest those of the fleet meanwhile, and
	// NewReports those of clusters that came for the first time.
	Sent, Honest, NewReports Answers
	NewPerMinute             float64
	// Found are the kinds of anomalies.
	Found []string
	// Undo says how Undone ids were undone, and Took how long that was.
	Undo   string
	Undone int
	Took   time.Duration
	// Forgot is how long it took to forget them after that, 0 where they were not.
	Forgot time.Duration
	// Database and Mirror are bytes in the end. During the attack they are known where
	// it aims at them.
	Database, Mirror, DatabaseDuring, MirrorDuring int64
	// Memory is the most that the server had, without mapped files.
	Memory int64
	// Broken are the promises that did not hold.
	Broken []string

	came Figures // of the newcomers
}

// Table is what came of a run.
type Table struct {
	Size, Day string
	CPUs      int
	Rows      []Row
}

// Broken counts the promises that did not hold.
func (t Table) Broken() (n int) {
	for _, r := range t.Rows {
		n += len(r.Broken)
	}
	return n
}

// WriteTo prints the table: what each attack is, what the figures were, what it came to,
// and what was broken.
func (t Table) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "size %s, %s, %d CPUs for all; a server with default limits for each attack\n\n", t.Size, t.Day, t.CPUs)
	for _, r := range t.Rows {
		fmt.Fprintf(&b, "%-8s %s\n", r.Key, r.What)
	}
	b.WriteString("\n")
	t.figures(&b)
	b.WriteString("\n")
	t.costs(&b)
	for _, r := range t.Rows {
		for _, broken := range r.Broken {
			fmt.Fprintf(&b, "\nBROKEN: %s: %s", r.Key, broken)
		}
	}
	if t.Broken() > 0 {
		b.WriteString("\n")
	}
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}

func (t Table) figures(w io.Writer) {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "attack\twhen\tclusters\tnodes\ttenants\tapps\tconfirmed:\tnodes\ttenants\tapps")
	for _, r := range t.Rows {
		after := strings.TrimSpace("after " + r.Undo)
		for _, m := range []struct {
			when string
			Moment
		}{{"before", r.Before}, {"during", r.During}, {after, r.After}} {
			fmt.Fprintf(out, "%s\t%s\t%s\t%s\n", r.Key, m.when, cells(&m.Seen), cells(m.Confirmed))
		}
	}
	out.Flush() // to a buffer
}

func cells(f *Figures) string {
	if f == nil {
		return "-\t-\t-\t-"
	}
	return fmt.Sprintf("%d\t%d\t%d\t%d", f.Clusters, f.Nodes, f.Tenants, f.apps())
}

func (t Table) costs(w io.Writer) {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "attack\ttaken, refused\thonest taken, refused\tslowest\tnew honest\tfound\tundone\tdatabase\tmirror\tmemory")
	for _, r := range t.Rows {
		newcomers, undone := "-", "-"
		if r.NewReports.Taken > 0 {
			newcomers = fmt.Sprintf("%d in, %.0f a minute", r.came.Clusters, r.NewPerMinute)
		}
		if r.Undo != "" {
			undone = fmt.Sprintf("%d in %.1f s", r.Undone, r.Took.Seconds())
		}
		if r.Forgot > 0 {
			undone += fmt.Sprintf(", forgotten in %.1f s", r.Forgot.Seconds())
		}
		fmt.Fprintf(out, "%s\t%d, %d\t%d, %d\t%d ms\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Key, r.Sent.Taken, r.Sent.Refused,
			r.Honest.Taken, r.Honest.Refused, r.Honest.Slowest.Milliseconds(), newcomers, strings.Join(r.Found, " "), undone,
			change(r.DatabaseDuring, r.Database), change(r.MirrorDuring, r.Mirror), size(r.Memory))
	}
	out.Flush() // to a buffer
}

// change is a size, and what it was during the attack where that is known.
func change(during, after int64) string {
	if during == 0 {
		return size(after)
	}
	return size(during) + ", then " + size(after)
}

func size(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
