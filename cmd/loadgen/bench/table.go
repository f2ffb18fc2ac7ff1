package bench

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Verdict says whether a goal is reached.
type Verdict string

const (
	// OK: the goal is reached.
	OK Verdict = "ok"
	// Least: the goal is missed, but not what is the least.
	Least Verdict = "least"
	// Missed: the goal is missed.
	Missed Verdict = "missed"
	// Failed: there is no figure, the row says why.
	Failed Verdict = "failed"
)

// Row is one goal with its figure.
type Row struct {
	// Key is the row's name in Options.Only.
	Key  string `json:"row"`
	What string `json:"what"`
	Goal string `json:"goal"`
	// Figure is what was measured, or why it could not be.
	Figure string `json:"figure"`
	// Ratio is the figure as a multiple of what it is compared to: of the other
	// program's, or of the goal. 0 if there is none.
	Ratio   float64 `json:"ratio"`
	Verdict Verdict `json:"verdict"`
}

// Table is what came of a run.
type Table struct {
	// Size is the name of the sizes that were measured.
	Size string `json:"size"`
	// CPUs is how many processors all programs shared.
	CPUs int   `json:"cpus"`
	Rows []Row `json:"rows"`
}

// WriteTo prints the table in aligned columns.
func (t Table) WriteTo(w io.Writer) (int64, error) {
	var text strings.Builder
	fmt.Fprintf(&text, "size %s, %d CPUs for all\n\n", t.Size, t.CPUs)
	columns := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(columns, "what\tgoal\tfigure\tratio\t")
	for _, r := range t.Rows {
		ratio := "-"
		if r.Verdict != Failed {
			ratio = fmt.Sprintf("%.2f×", r.Ratio)
		}
		fmt.Fprintf(columns, "%s\t%s\t%s\t%s\t%s\n", r.What, r.Goal, r.Figure, ratio, r.Verdict)
	}
	columns.Flush() // a builder takes everything
	n, err := io.WriteString(w, text.String())
	return int64(n), err
}

// Failures counts the rows without a figure.
func (t Table) Failures() (n int) {
	for _, r := range t.Rows {
		if r.Verdict == Failed {
			n++
		}
	}
	return n
}
