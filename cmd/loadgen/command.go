package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

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
	root.AddCommand(newPost("post", now), newHistory(now))
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SilenceUsage = true
	root.CompletionOptions.DisableDefaultCmd = true
	return root
}

func newPost(use string, now func() time.Time) *cobra.Command {
	o := load.PostOptions{Now: now}
	var truth string
	cmd := &cobra.Command{
		Use:   use,
		Short: "post reports to a telemetry server and measure",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return post(cmd, o, truth)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.URL, "url", "http://127.0.0.1:8081/", "the telemetry server's endpoint")
	f.IntVar(&o.Conns, "conns", 32, "connections at once")
	f.IntVar(&o.Count, "count", 0, "reports to send; 0 means two per cluster")
	f.Float64Var(&o.Rate, "rate", 0, "reports a second, together with --duration; 0 means as fast as the server answers")
	f.DurationVar(&o.Duration, "duration", 0, "how long to send at --rate")
	f.BoolVar(&o.Gzip, "gzip", false, "compress reports")
	fleetFlags(f, &o.Fleet, 1000)
	truthFlag(f, &truth)
	return cmd
}

func post(cmd *cobra.Command, o load.PostOptions, truthFile string) error {
	result, err := load.Post(cmd.Context(), o)
	if err != nil && result.Requests == 0 {
		return err
	}
	if _, err := result.WriteTo(cmd.OutOrStdout()); err != nil {
		return err
	}
	if err := writeTruth(cmd.OutOrStdout(), truthFile, result.Truth); err != nil {
		return err
	}
	if err == nil && !result.OK() {
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
	truthFlag(f, &truth)
	return cmd
}

func history(cmd *cobra.Command, o load.HistoryOptions, truthFile string) error {
	if f, ok := cmd.ErrOrStderr().(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		o.Progress = f
	}
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

func truthFlag(f *pflag.FlagSet, file *string) {
	f.StringVar(file, "truth", "", "file for the true figures, as JSON; empty means standard output, as the last line")
}

// writeTruth writes one line of JSON to a file, or to w if none is named.
func writeTruth(w io.Writer, file string, truth any) error {
	data, err := json.Marshal(truth)
	if err != nil {
		return fmt.Errorf("truth: %w", err)
	}
	data = append(data, '\n')
	if file == "" {
		_, err = w.Write(data)
	} else {
		err = os.WriteFile(file, data, 0o644)
	}
	if err != nil {
		return fmt.Errorf("truth: %w", err)
	}
	return nil
}
