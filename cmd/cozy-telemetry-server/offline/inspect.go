package offline

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// inspection is what inspect --json prints.
type inspection struct {
	Database   string    `json:"database"`
	Schema     int       `json:"schema"`
	FileBytes  int64     `json:"file_bytes"`
	UsedBytes  int64     `json:"used_bytes"`
	FreeBytes  int64     `json:"free_bytes"`
	FreePages  int       `json:"free_pages"`
	Products   []string  `json:"products"`
	OfProducts []holding `json:"of_products"`
	Days       int       `json:"days"`
	FirstDay   string    `json:"first_day,omitempty"`
	LastDay    string    `json:"last_day,omitempty"`
	Gaps       []gap     `json:"gaps"`
	LastReport string    `json:"last_report_hour,omitempty"`
	Snapshots  int       `json:"snapshots"`
	Excluded   int       `json:"excluded"`
	Queue      queued    `json:"queue"`
	Months     []seen    `json:"months"`
}

// gap is a stretch of days without a report, both ends included.
type gap struct {
	First string `json:"first"`
	Last  string `json:"last"`
}

// holding is what there is of a product.
type holding struct {
	Product string `json:"product"`
	// Instances counts all that have records; of a product of sessions, those of each day.
	Instances int    `json:"instances"`
	Days      int    `json:"days"`
	FirstDay  string `json:"first_day,omitempty"`
	LastDay   string `json:"last_day,omitempty"`
	Months    int    `json:"months"`
	// Bytes are those of the pages that only this product has.
	Bytes int64 `json:"bytes"`
}

// queued is what waits to be forwarded.
type queued struct {
	Blocks int        `json:"blocks"`
	Bytes  int64      `json:"bytes"`
	Oldest *time.Time `json:"oldest,omitempty"`
}

// seen is a product's month.
type seen struct {
	Month   string `json:"month"`
	Product string `json:"product"`
	// Instances counts those that have reported anything, the excluded too.
	Instances  int `json:"instances"`
	Days       int `json:"days"`
	Folded     int `json:"days_folded"`
	DayRecords int `json:"day_records"`
	Series     int `json:"series"`
}

func newInspect() *cobra.Command {
	var db string
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "inspect",
		Short:   "Tell what is in a file",
		Long:    "Tells what is in a file: its size, the days and months it covers, and what waits to be\nforwarded. The file is only read.",
		Example: "  cozy-telemetry-server inspect --db copy.db",
		Args:    cli.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withFile(db, func(s *store.Store) error {
				found, err := inspect(cmd, s)
				if err != nil {
					return err
				}
				if asJSON {
					return writeJSON(cmd.OutOrStdout(), found)
				}
				return found.write(cmd.OutOrStdout())
			})
		},
	}
	cmd.Flags().StringVar(&db, "db", "", "the database file")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON in place of tables")
	return cli.Checked(cmd, nil, "db")
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func inspect(cmd *cobra.Command, s *store.Store) (inspection, error) {
	st, err := s.Stats()
	if err != nil {
		return inspection{}, err
	}
	found := inspection{
		Database: st.DatabaseID, Schema: st.Schema,
		FileBytes: st.FileBytes, UsedBytes: st.UsedBytes, FreeBytes: st.FreeBytes, FreePages: st.FreePages,
		Products: append([]string{}, st.Products...), Days: st.Days, Gaps: []gap{}, Snapshots: st.Snapshots, Excluded: st.Excluded,
		Queue: queued{Blocks: st.Queue.Blocks, Bytes: st.Queue.Bytes}, Months: []seen{},
	}
	if st.Days > 0 {
		found.FirstDay, found.LastDay = st.FirstDay.String(), st.LastDay.String()
	}
	if st.LastReport != 0 { // days may be empty, where their only cluster was removed
		found.LastReport = st.LastReport.Start().Add(time.Duration(st.LastHour) * time.Hour).Format("2006-01-02T15Z")
	}
	for _, g := range st.Gaps {
		found.Gaps = append(found.Gaps, gap{g.First.String(), g.Last.String()})
	}
	if !st.Queue.Oldest.IsZero() {
		found.Queue.Oldest = &st.Queue.Oldest
	}
	instances := make(map[string]map[string]struct{}) // by product
	for _, m := range st.Months {
		row := seen{Month: m.Month.String(), Product: m.Product, Days: m.Days, Folded: m.Closed, DayRecords: m.DayRecords, Series: m.Series}
		if instances[m.Product] == nil {
			instances[m.Product] = make(map[string]struct{})
		}
		err := s.FoldAll(cmd.Context(), m.Product, m.Month, m.Month, nil, func(instance string, _ []rollup.Month) error {
			row.Instances++
			instances[m.Product][instance] = struct{}{}
			return nil
		})
		if err != nil {
			return inspection{}, err
		}
		found.Months = append(found.Months, row)
	}
	found.OfProducts, err = holdings(s, st, instances)
	return found, err
}

// holdings tells of each product what there is.
func holdings(s *store.Store, st store.Stats, instances map[string]map[string]struct{}) ([]holding, error) {
	all := []holding{}
	for _, product := range st.Products {
		h := holding{Product: product, Instances: len(instances[product]), Bytes: st.Bytes[product]}
		versions, err := s.DayVersions(product)
		if err != nil {
			return nil, err
		}
		if days := slices.Sorted(maps.Keys(versions)); len(days) > 0 {
			h.Days, h.FirstDay, h.LastDay = len(days), days[0].String(), days[len(days)-1].String()
		}
		for _, m := range st.Months {
			if m.Product == product {
				h.Months++
			}
		}
		all = append(all, h)
	}
	return all, nil
}

// write prints the inspection for people.
func (f inspection) write(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintf(t, "database\t%s\n", f.Database)
	fmt.Fprintf(t, "schema\t%d\n", f.Schema)
	fmt.Fprintf(t, "size\t%s, of which %s are free\n", cli.BytesText(f.FileBytes), cli.BytesText(f.FreeBytes))
	if f.Days == 0 {
		fmt.Fprintf(t, "days\tnone\n")
	} else {
		fmt.Fprintf(t, "days\t%d, from %s to %s\n", f.Days, f.FirstDay, f.LastDay)
	}
	if f.LastReport != "" {
		fmt.Fprintf(t, "last report\t%s, in that hour UTC\n", f.LastReport)
	}
	for _, g := range f.Gaps {
		fmt.Fprintf(t, "no report\tfrom %s to %s\n", g.First, g.Last)
	}
	fmt.Fprintf(t, "snapshots\t%d\n", f.Snapshots)
	if f.Excluded > 0 {
		fmt.Fprintf(t, "excluded\t%d, which the figures leave out\n", f.Excluded)
	}
	fmt.Fprintf(t, "queue\t%s, %s%s\n", cli.CountOf(f.Queue.Blocks, "block"), cli.BytesText(f.Queue.Bytes), f.Queue.since())
	if len(f.OfProducts) > 1 {
		fmt.Fprintf(t, "\nPRODUCT\tINSTANCES\tDAYS\tFIRST\tLAST\tMONTHS\tSIZE\n")
		for _, h := range f.OfProducts {
			fmt.Fprintf(t, "%s\t%d\t%d\t%s\t%s\t%d\t%s\n", h.Product, h.Instances, h.Days, h.FirstDay, h.LastDay, h.Months, cli.BytesText(h.Bytes))
		}
	}
	if len(f.Months) > 0 {
		fmt.Fprintf(t, "\nMONTH\tPRODUCT\tINSTANCES\tDAYS\tFOLDED\tDAY RECORDS\tSERIES\n")
	}
	for _, m := range f.Months {
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%d\t%d\t%d\n", m.Month, m.Product, m.Instances, m.Days, m.Folded, m.DayRecords, m.Series)
	}
	return t.Flush()
}

func (q queued) since() string {
	if q.Oldest == nil {
		return ""
	}
	return ", the oldest of " + q.Oldest.Format(time.RFC3339)
}
