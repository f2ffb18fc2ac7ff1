package offline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/export"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/products"
	"github.com/cozystack/cozystack-telemetry-server/product"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// exportFlags say what is exported, and how.
type exportFlags struct {
	db, what, from, to, format, output string
	product                            string
	force, anonymize                   bool
	keyFile                            string
}

func newExport(env cli.Environment) *cobra.Command {
	var o exportFlags
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write a file's content as a table, for DuckDB, pandas or a spreadsheet",
		Long: `Writes a table of what is in a file: a row per cluster (clusters), per cluster and
month (months), per cluster and day (days), or per cluster, day and series (series).
With --product it is a table of that product's instances (instances, months, days, series).
docs/export.md describes the columns. The file is only read.`,
		Example: `  cozy-telemetry-server export --db copy.db --what days --format parquet -o days.parquet
  cozy-telemetry-server export --db copy.db --what months --from 2026-01 --to 2026-03
  cozy-telemetry-server export --db copy.db --product synapse --what months`,
		Args: cli.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withFile(o.db, func(s *store.Store) error { return o.run(cmd.Context(), env, s) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.db, "db", "", "the database file")
	f.StringVar(&o.what, "what", export.Days, "the table: clusters (of another product: instances), months, days or series")
	f.StringVar(&o.product, "product", rollup.Cozystack, "whose table: "+strings.Join(products.Names(), ", "))
	f.StringVar(&o.from, "from", "", "the first month or day, such as 2026-03 or 2026-03-01; empty: the first one there is")
	f.StringVar(&o.to, "to", "", "the last month or day; empty: the last one there is")
	f.StringVar(&o.format, "format", export.CSV, "csv, jsonl or parquet")
	f.StringVarP(&o.output, "output", "o", "", "the file to write; empty: standard output")
	f.BoolVar(&o.force, "force", false, "replace the file if there is one")
	f.BoolVar(&o.anonymize, "anonymize", false, "replace cluster ids by a keyed hash, with a new key each time")
	f.StringVar(&o.keyFile, "anonymize-key-file", "", "take the key of --anonymize from a file, so that tables can be joined")
	return cli.Checked(cmd, func() error { return o.check(env) }, "db")
}

func (o *exportFlags) check(env cli.Environment) error {
	tables := export.Tables()
	if o.product != rollup.Cozystack {
		tables = export.TablesOf(o.table())
	}
	errs := []error{
		cli.CheckOneOf("product", o.product, products.Names()...),
		cli.CheckOneOf("what", o.what, tables...),
		o.checkEnd("from", o.from),
		o.checkEnd("to", o.to),
		cli.CheckOneOf("format", o.format, export.Formats()...),
	}
	if errors.Join(errs...) == nil && o.from != "" && o.to != "" && lastDay(o.to) < firstDay(o.from) {
		errs = append(errs, fmt.Errorf("--to: %s is before %s", o.to, o.from))
	}
	if o.format == export.Parquet && o.output == "" && cli.IsTerminal(env.Stdout) {
		errs = append(errs, errors.New("--format: parquet is not for a terminal; name a file with -o"))
	}
	if o.keyFile != "" && !o.anonymize {
		errs = append(errs, errors.New("--anonymize-key-file: is nothing without --anonymize"))
	}
	return errors.Join(errs...)
}

func (o *exportFlags) checkEnd(flag, value string) error {
	if value == "" {
		return nil
	}
	if _, err := rollup.ParseMonth(value); err == nil {
		return nil
	}
	if export.WholeMonths(o.what) {
		return fmt.Errorf("--%s: %q is not a month such as 2026-03, of which %s are made", flag, value, o.what)
	}
	if _, err := rollup.ParseDate(value); err != nil {
		return fmt.Errorf("--%s: %q is not a month or a day such as 2026-03 or 2026-03-01", flag, value)
	}
	return nil
}

// run writes the table to where it shall go.
func (o *exportFlags) run(ctx context.Context, env cli.Environment, s *store.Store) error {
	for _, read := range []string{o.db, o.keyFile} {
		if sameFile(read, o.output) {
			return fmt.Errorf("--output: %s is what is read; name another", o.output)
		}
	}
	if o.output == "" && cli.IsTerminal(env.Stdout) {
		env.Stderr = io.Discard // a line of progress would run into the table
	}
	p := cli.NewProgress(env, "export")
	defer p.End()
	options, err := o.options(env, s)
	if err != nil {
		return err
	}
	options.Progress = p.Tell
	if o.output == "" {
		return export.Write(ctx, env.Stdout, s, options)
	}
	return cli.WriteOut(o.output, o.force, func(out io.Writer) error { return export.Write(ctx, out, s, options) })
}

func (o *exportFlags) options(env cli.Environment, s *store.Store) (export.Options, error) {
	apps, appsErr := appsOf(s, env)
	alias, aliasErr := o.alias()
	return export.Options{
		Table: o.what, Format: o.format, Product: o.table(), Raw: rawMetrics(), Window: o.window(), Apps: apps, Alias: alias,
	}, errors.Join(aliasErr, appsErr)
}

// table returns that of the product, the zero one for Cozystack.
func (o *exportFlags) table() (p product.Product) {
	for _, one := range products.All() {
		if one.Name == o.product {
			p = one
		}
	}
	return p
}

// rawMetrics are those of all products that have names as they are.
func rawMetrics() (raw []string) {
	for _, p := range products.All() {
		for _, f := range p.Fields {
			if f.Raw {
				raw = append(raw, p.Name+"_"+f.Metric)
			}
		}
	}
	return raw
}

// alias returns what replaces cluster ids, nil if nothing does.
func (o *exportFlags) alias() (export.Alias, error) {
	switch {
	case !o.anonymize:
		return nil, nil
	case o.keyFile == "":
		return export.RandomAlias(), nil
	}
	content, err := os.ReadFile(o.keyFile)
	if err != nil {
		return nil, fmt.Errorf("--anonymize-key-file: %w", err)
	}
	alias, err := export.KeyedAlias(bytes.TrimSpace(content))
	if err != nil {
		return nil, fmt.Errorf("--anonymize-key-file: %s has %w", o.keyFile, err)
	}
	return alias, nil
}

// window returns the days that are asked for.
func (o *exportFlags) window() export.Window {
	w := export.AllDays()
	if o.from != "" {
		w.First = firstDay(o.from)
	}
	if o.to != "" {
		w.Last = lastDay(o.to)
	}
	return w
}

// firstDay and lastDay read a month or a day that was checked before.
func firstDay(text string) rollup.Date {
	if month, err := rollup.ParseMonth(text); err == nil {
		return month.First()
	}
	date, _ := rollup.ParseDate(text)
	return date
}

func lastDay(text string) rollup.Date {
	if month, err := rollup.ParseMonth(text); err == nil {
		return month.Last()
	}
	return firstDay(text)
}

// sameFile tells whether two names are those of one file that is there.
func sameFile(a, b string) bool {
	left, leftErr := os.Stat(a)
	right, rightErr := os.Stat(b)
	return leftErr == nil && rightErr == nil && os.SameFile(left, right)
}
