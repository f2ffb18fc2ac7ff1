package exclude

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/overview"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// shown is how many clusters are printed for people.
const shown = 20

// print tells a person what was done, or would be.
func (r Result) print(w io.Writer, include bool) error {
	verb := "exclude"
	if include {
		verb = "include"
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	ofClusters, noun := r.ofClusters(), cli.InstanceOf(r.Product)
	switch {
	case len(r.Clusters) > 0 && ofClusters:
		fmt.Fprintln(t, "CLUSTER\tFIRST SEEN\tDAYS\tNODES")
	case len(r.Clusters) > 0:
		fmt.Fprintln(t, "INSTANCE\tFIRST SEEN\tDAYS")
	}
	for _, c := range r.Clusters[:min(len(r.Clusters), shown)] {
		first := c.FirstSeen
		if first == "" {
			first = "never"
		}
		if !ofClusters {
			fmt.Fprintf(t, "%s\t%s\t%d\n", c.ID, first, c.Days)
			continue
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\n", c.ID, first, c.Days, c.Nodes)
	}
	if more := len(r.Clusters) - shown; more > 0 {
		fmt.Fprintf(t, "and %d more; --json prints all\n", more)
	}
	switch {
	case len(r.Months) > 0 && ofClusters:
		fmt.Fprintln(t, "\nMONTH\tCLUSTERS\tNODES\tTENANTS\t")
	case len(r.Months) > 0:
		fmt.Fprintln(t, "\nMONTH\tINSTANCES\t")
	}
	for _, m := range r.Months {
		arrow := func(figure func(overview.Totals) int64) string {
			return fmt.Sprintf("%d -> %d", figure(m.Before), figure(m.After))
		}
		if !ofClusters {
			fmt.Fprintf(t, "%s\t%d -> %d\t%s\n", m.Month, m.Before.Clusters, m.After.Clusters, m.Note)
			continue
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", m.Month,
			arrow(func(f overview.Totals) int64 { return f.Clusters }), arrow(func(f overview.Totals) int64 { return f.Nodes }),
			arrow(func(f overview.Totals) int64 { return f.Tenants }), m.Note)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	var err error
	switch {
	case r.Count == 0:
		_, err = fmt.Fprintf(w, "there is no %s to %s\n", noun, verb)
	case r.Applied:
		_, err = fmt.Fprintf(w, "\n%s %sd; the figures leave out %d in all\n", cli.CountOf(r.Count, noun), verb, r.Excluded)
	default:
		_, err = fmt.Fprintf(w, "\n%s to %s, and nothing is changed yet; --apply does it\n", cli.CountOf(r.Count, noun), verb)
	}
	return err
}

// ofClusters tells whether Cozystack's are meant.
func (r Result) ofClusters() bool { return r.Product == "" || r.Product == rollup.Cozystack }

// print lists what is excluded.
func (l listing) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	if len(l.Excluded) > 0 {
		fmt.Fprintln(t, "CLUSTER\tEXCLUDED AT\tPRODUCT\tREASON")
	}
	for _, x := range l.Excluded {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", x.Instance, x.At.UTC().Format("2006-01-02T15:04Z"), x.Product, x.Reason)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%s excluded\n", cli.CountOf(len(l.Excluded), "cluster"))
	return err
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
