package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/attack"
)

func newAttack(now func() time.Time) *cobra.Command {
	o := attack.Options{Now: now}
	var size string
	cmd := &cobra.Command{
		Use:   "attack",
		Short: "do to a server what strangers can do, and say what came of it",
		Long: "Starts servers of its own on this machine, with default limits and an honest fleet, and does to\n" +
			"each what a stranger can do. Prints the figures before, during and after, and what it took to\n" +
			"undo. The exit code is 1 if a promise was broken.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch size {
			case "full":
				o.Size = attack.Full()
			case "small":
				o.Size = attack.Small()
			default:
				return fmt.Errorf("--size: %q is not full or small", size)
			}
			o.Progress = terminal(cmd)
			return runAttack(cmd, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Server, "server", "bin/cozy-telemetry-server", "the server's binary")
	f.StringVar(&size, "size", "full", "full, which takes minutes, or small")
	f.StringSliceVar(&o.Only, "only", nil, "attacks to try: "+strings.Join(attack.Keys(), ", "))
	f.StringVar(&o.Dir, "dir", "", "folder on the disk to work on; empty means the system's for temporary files")
	return cmd
}

func runAttack(cmd *cobra.Command, o attack.Options) error {
	table, err := attack.Run(cmd.Context(), o)
	if len(table.Rows) > 0 {
		if _, err := table.WriteTo(cmd.OutOrStdout()); err != nil {
			return err
		}
	}
	if n := table.Broken(); err == nil && n > 0 {
		err = fmt.Errorf("%d promises are broken", n)
	}
	return err
}
