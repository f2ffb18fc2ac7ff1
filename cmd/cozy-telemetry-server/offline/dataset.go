package offline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/products"
	"github.com/cozystack/cozystack-telemetry-server/overview"
	"github.com/cozystack/cozystack-telemetry-server/overview/census"
	"github.com/cozystack/cozystack-telemetry-server/overview/dataset"
	"github.com/cozystack/cozystack-telemetry-server/overview/site"
	"github.com/cozystack/cozystack-telemetry-server/overview/tabular"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// datasetFlags say which file is computed.
type datasetFlags struct {
	db, month, product, format, output string
	force                              bool
	figures                            figureFlags
}

// newDataset is GET /api/dataset without a server.
func newDataset(env cli.Environment) *cobra.Command {
	o := datasetFlags{figures: figureFlags{aggregate: overview.Average, publish: overview.Seen}}
	cmd := &cobra.Command{
		Use:   "dataset",
		Short: "Compute a month's published figures again, as GET /api/dataset answers them",
		Long: `Writes the file that GET /api/dataset of a server on this database answers for a month.
Of a month that is final the bytes are the same, so the checksum is that of the server; its
answer names the flags that it was told. docs/data.md describes the columns. The database is
only read.`,
		Example: `  cozy-telemetry-server dataset --db copy.db --month 2026-03 --format csv -o cozystack-2026-03.csv
  cozy-telemetry-server dataset --db copy.db --month 2026-03 | sha256sum`,
		Args: cli.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withFile(o.db, func(s *store.Store) error { return o.run(cmd.Context(), env, s) })
		},
	}
	f, d := cmd.Flags(), overview.DefaultConfig()
	f.StringVar(&o.db, "db", "", "the database file")
	f.StringVar(&o.month, "month", "", "the month, such as 2026-03")
	f.StringVar(&o.product, "product", rollup.Cozystack, "whose figures: "+strings.Join(products.Names(), ", "))
	f.StringVar(&o.format, "format", tabular.CSV, "csv or parquet")
	f.StringVarP(&o.output, "output", "o", "", "the file to write; empty: standard output")
	f.BoolVar(&o.force, "force", false, "replace the file if there is one")
	f.IntVar(&o.figures.confirmDays, "confirm-days", d.ConfirmDays, "on how many days a cluster must be seen to be confirmed")
	cli.DurationVar(f, &o.figures.finalGrace, "final-grace", d.FinalGrace, "how long after its end a month becomes final")
	f.IntVar(&o.figures.replicas, "replicas", d.Replicas, "how many servers share the clusters; above 1, rollups are never complete")
	f.Int64Var(&o.figures.minShare, "min-share", d.MinShare, "of how many clusters or instances a published value tells at least")
	return cli.Checked(cmd, func() error { return o.check(env) }, "db", "month")
}

func (o *datasetFlags) check(env cli.Environment) error {
	errs := []error{
		cli.CheckOneOf("product", o.product, products.Names()...),
		checkMonth("month", o.month, rollup.MonthOf(env.Now())),
		cli.CheckOneOf("format", o.format, dataset.Formats()...),
		o.figures.check(),
	}
	if o.format == tabular.Parquet && o.output == "" && cli.IsTerminal(env.Stdout) {
		errs = append(errs, errors.New("--format: parquet is not for a terminal; name a file with -o"))
	}
	return errors.Join(errs...)
}

// run writes the file to where it shall go.
func (o *datasetFlags) run(ctx context.Context, env cli.Environment, s *store.Store) error {
	if sameFile(o.db, o.output) {
		return fmt.Errorf("--output: %s is what is read; name another", o.output)
	}
	month, err := rollup.ParseMonth(o.month)
	if err != nil {
		return err
	}
	file, err := o.file(ctx, env, s, month)
	if errors.Is(err, overview.ErrNoData) {
		return fmt.Errorf("no telemetry data for %s; inspect lists the months of a file", month)
	}
	if err != nil {
		return err
	}
	write := func(w io.Writer) error {
		_, err := w.Write(file)
		return err
	}
	if o.output == "" {
		return write(env.Stdout)
	}
	return cli.WriteOut(o.output, o.force, write)
}

// file computes what a server publishes, by the same way.
func (o *datasetFlags) file(ctx context.Context, env cli.Environment, s *store.Store, month rollup.MonthID) ([]byte, error) {
	figures, err := overviewOf(s, env, o.figures)
	if err != nil {
		return nil, err
	}
	defer figures.Close()
	clusters, err := census.New(untouched{s}, census.Config{
		Now: env.Now, MinShare: o.figures.minShare, ConfirmDays: o.figures.confirmDays, Replicas: o.figures.replicas,
	})
	if err != nil {
		return nil, err
	}
	all, err := site.New(figures, clusters, site.Config{Now: env.Now, Products: products.Names(), LastReport: s.LastReport})
	if err != nil {
		return nil, err
	}
	defer all.Close()
	return all.Publication(site.DatasetKey(o.product, month)).Dataset(ctx, o.format)
}
