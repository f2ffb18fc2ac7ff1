package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/bench"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/fleet"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/load"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// errNotAll is returned when a report was not answered 200.
var errNotAll = errors.New("not every report was answered 200")

// newCommand returns the whole command line. Without a subcommand it posts.
func newCommand(stdout, stderr io.Writer, now func() time.Time) *cobra.Command {
	root := newPost("loadgen", now)
	root.Long = "Simulates a fleet of cozystack clusters that report to a telemetry server.\n" +
		"Without a command it posts."
	root.AddCommand(newPost("post", now), newHistory(now), newDB(now), newBench(now), newAttack(now))
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SilenceUsage = true
	root.CompletionOptions.DisableDefaultCmd = true
	return root
}

func newPost(use string, now func() time.Time) *cobra.Command {
	o := load.PostOptions{Now: now}
	others := load.PostOthersOptions{Now: now}
	var truth string
	cmd := &cobra.Command{
		Use:   use,
		Short: "post reports to a telemetry server and measure",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			others.URL, others.Seed, others.Conns = o.URL, o.Fleet.Seed, o.Conns
			return post(cmd, o, others, truth)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.URL, "url", "http://127.0.0.1:8081/", "the telemetry server's endpoint")
	f.IntVar(&o.Conns, "conns", 32, "connections at once")
	f.IntVar(&o.Count, "count", 0, "reports to send; 0 means two per cluster")
	f.Float64Var(&o.Rate, "rate", 0, "reports a second, together with --duration; 0 means as fast as the server answers")
	f.DurationVar(&o.Duration, "duration", 0, "how long to send at --rate")
	f.BoolVar(&o.Gzip, "gzip", false, "compress reports")
	f.BoolVar(&o.Ordinary, "ordinary", false, "send by an ordinary client of net/http, which costs more than the leaner one")
	fleetFlags(f, &o.Fleet, 1000)
	productsFlag(f, &others.Products)
	truthFlag(f, &truth)
	return cmd
}

// post lets clusters and the installations of other products report at the same time.
func post(cmd *cobra.Command, o load.PostOptions, others load.PostOthersOptions, truthFile string) error {
	var beside load.PostOthersResult
	var group errgroup.Group
	if len(others.Products) > 0 {
		group.Go(func() (err error) {
			beside, err = load.PostOthers(cmd.Context(), others)
			return err
		})
	}
	result, err := load.Post(cmd.Context(), o)
	if err = errors.Join(err, group.Wait()); err != nil && result.Requests == 0 {
		return err
	}
	if _, err := result.WriteTo(cmd.OutOrStdout()); err != nil {
		return err
	}
	if _, err := beside.WriteTo(cmd.OutOrStdout()); err != nil {
		return err
	}
	if err := writeTruth(cmd.OutOrStdout(), truthFile, beside.With(result.Truth)); err != nil {
		return err
	}
	if err == nil && !(result.OK() && beside.OK()) {
		err = errNotAll
	}
	return err
}

func newHistory(now func() time.Time) *cobra.Command {
	o := load.HistoryOptions{Now: now}
	var from, to, truth string
	cmd := &cobra.Command{
		Use:   "history",
		Short: "write months of a fleet's reports into a VictoriaMetrics",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if o.From, err = rollup.ParseMonth(from); err != nil {
				return fmt.Errorf("--from: %w", err)
			}
			if o.To, err = rollup.ParseMonth(to); err != nil {
				return fmt.Errorf("--to: %w", err)
			}
			return history(cmd, o, truth)
		},
	}
	last := rollup.MonthOf(now()) - 1
	f := cmd.Flags()
	f.StringVar(&o.URL, "url", "http://127.0.0.1:8428", "base of the VictoriaMetrics, or its import address")
	f.StringVar(&from, "from", (last - 2).String(), "first month")
	f.StringVar(&to, "to", last.String(), "last month")
	f.DurationVar(&o.Every, "every", 6*time.Hour, "time between two reports of a client")
	f.BoolVar(&o.Derived, "derived", false, "also write cozy_cluster_nodes, as the server forwards it")
	f.IntVar(&o.ConfirmDays, "confirm-days", 7, "days on which a confirmed cluster is seen")
	fleetFlags(f, &o.Fleet, 200)
	lifelikeFlag(f, &o.Fleet)
	truthFlag(f, &truth)
	return cmd
}

func history(cmd *cobra.Command, o load.HistoryOptions, truthFile string) error {
	o.Progress = terminal(cmd)
	months, err := load.History(cmd.Context(), o)
	if err != nil {
		return err
	}
	return writeTruth(cmd.OutOrStdout(), truthFile, months)
}

func fleetFlags(f *pflag.FlagSet, c *fleet.Config, clusters int) {
	f.Uint64Var(&c.Seed, "seed", 1, "another seed is another fleet")
	f.IntVar(&c.Clusters, "clusters", clusters, "clusters over all time")
	f.BoolVar(&c.Full, "full", false, "reports of 58 and 27 lines instead of about 11 and 5")
	f.Float64Var(&c.UpgradeShare, "upgrade-share", 0.3, "share of clusters that upgrade their kernel")
	f.Float64Var(&c.BirthShare, "birth-share", 0.1, "share of clusters that are born later")
	f.Float64Var(&c.DeathShare, "death-share", 0.1, "share of clusters that stop reporting")
}

// lifelikeFlag is for commands that write whole months.
func lifelikeFlag(f *pflag.FlagSet, c *fleet.Config) {
	f.BoolVar(&c.Lifelike, "lifelike", false, "a fleet that changes as real ones do, for pictures; without the flags --full and --*-share")
}

func productsFlag(f *pflag.FlagSet, counts *map[string]int) {
	f.StringToIntVar(counts, "products", nil, "installations of other products, such as synapse=500,coroot=300,kubeatlas=200")
}

func truthFlag(f *pflag.FlagSet, file *string) {
	f.StringVar(file, "truth", "", "file for the true figures, as JSON; empty means standard output, as the last line")
}

// writeTruth writes the true figures to a file, or to w if none is named.
func writeTruth(w io.Writer, file string, truth any) error {
	if err := writeJSON(w, file, truth); err != nil {
		return fmt.Errorf("truth: %w", err)
	}
	return nil
}

// writeJSON writes one line of JSON to a file, or to w if none is named.
func writeJSON(w io.Writer, file string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	data = append(data, '\n')
	if file == "" {
		_, err = w.Write(data)
	} else {
		err = os.WriteFile(file, data, 0o644)
	}
	return err
}

func newDB(now func() time.Time) *cobra.Command {
	o := load.DBOptions{Now: now}
	var end, truth string
	var months int
	cmd := &cobra.Command{
		Use:   "db",
		Short: "make a database file that has a fleet's history",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if o.To, err = rollup.ParseMonth(end); err != nil {
				return fmt.Errorf("--end: %w", err)
			}
			o.From = o.To - rollup.MonthID(months) + 1
			o.Progress = terminal(cmd)
			return db(cmd, o, cmp.Or(truth, o.Path+".truth.json"))
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.Path, "output", "o", "telemetry.db", "file to make; there must be none yet")
	f.IntVar(&months, "months", 1, "how many months")
	f.StringVar(&end, "end", (rollup.MonthOf(now()) - 1).String(), "last month; of the current one, the days so far")
	f.DurationVar(&o.Every, "every", 6*time.Hour, "time between two reports of a client")
	f.BoolVar(&o.Open, "open", false, "leave months that have ended as days, not closed")
	f.IntVar(&o.ConfirmDays, "confirm-days", 7, "days on which a confirmed cluster is seen")
	fleetFlags(f, &o.Fleet, 1000)
	lifelikeFlag(f, &o.Fleet)
	productsFlag(f, &o.Products)
	f.StringVar(&truth, "truth", "", "file for the true figures, as JSON; empty means beside the file, FILE.truth.json")
	return cmd
}

func db(cmd *cobra.Command, o load.DBOptions, truthFile string) error {
	result, err := load.DB(cmd.Context(), o)
	if err != nil {
		return err
	}
	return writeTruth(cmd.OutOrStdout(), truthFile, result.Months)
}

// terminal returns where progress is shown, nil if nobody watches.
func terminal(cmd *cobra.Command) io.Writer {
	if f, ok := cmd.ErrOrStderr().(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		return f
	}
	return nil
}

func newBench(now func() time.Time) *cobra.Command {
	o := bench.Options{Now: now}
	var size, jsonFile string
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "measure the server beside vmagent and VictoriaMetrics",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch size {
			case "full":
				o.Size = bench.Full()
			case "small":
				o.Size = bench.Small()
			default:
				return fmt.Errorf("--size: %q is not full or small", size)
			}
			o.Progress = terminal(cmd)
			return runBench(cmd, o, jsonFile)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Server, "server", "bin/cozy-telemetry-server", "the server's binary")
	f.StringVar(&size, "size", "full", "full, which takes minutes, or small, whose figures are not those of the goals")
	f.StringSliceVar(&o.Only, "only", nil, "rows to measure: "+strings.Join(bench.Rows(), ", "))
	f.StringVar(&o.Dir, "dir", "", "folder on the disk to measure with; empty means the system's for temporary files")
	f.StringVar(&jsonFile, "json", "", "file for the table as JSON")
	return cmd
}

func runBench(cmd *cobra.Command, o bench.Options, jsonFile string) error {
	table, err := bench.Run(cmd.Context(), o)
	if len(table.Rows) > 0 {
		if _, err := table.WriteTo(cmd.OutOrStdout()); err != nil {
			return err
		}
	}
	if err == nil && jsonFile != "" {
		err = writeJSON(cmd.OutOrStdout(), jsonFile, table)
	}
	if n := table.Failures(); err == nil && n > 0 {
		err = fmt.Errorf("%d rows could not be measured", n)
	}
	return err
}
