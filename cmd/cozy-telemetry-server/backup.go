package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/backup"
)

// askAdmin ends an error of who has perhaps not reached a private listener.
const askAdmin = "; is a server running, and is this its --admin-addr?"

func newBackup(env environment) *cobra.Command {
	var admin, output string
	var force bool
	cmd := &cobra.Command{
		Use:   "backup",
		Short: "Get a copy of a running server's file",
		Long: `Gets a copy of the file of a running server, from its private listener. The copy has
every report that was answered before. It gets its name when all of it has come and its
checksum is right.`,
		Example: "  cozy-telemetry-server backup -o copy.db",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var size int64
			err := writeOut(output, force, func(out io.Writer) (err error) {
				p := newSteps(env, "backup")
				defer p.end()
				size, err = backup.Fetch(cmd.Context(), "http://"+admin+backup.Path, out, p.tell)
				return err
			})
			if errors.Is(err, backup.ErrNotThere) {
				err = fmt.Errorf("%w%s", err, askAdmin)
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s has %s\n", output, bytesText(size))
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&admin, "admin-addr", defaultAdminAddr, "the server's private listener")
	f.StringVarP(&output, "output", "o", "", "the file to write")
	f.BoolVar(&force, "force", false, "replace the file if there is one")
	return checked(cmd, func() error { return checkAddr("admin-addr", admin) }, "output")
}
