package cli

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// The two names of the flag for the database file: of one that a server may have open, and
// of one that lies still. Their twins are two, so that a command in a server's environment
// does not take the server's file.
const (
	servedFile = "db-path"
	stillFile  = "db"
)

// TakeBothNames makes a command that has one of the flags for the database file take the
// other one's name too: nobody remembers which it is.
func TakeBothNames(cmd *cobra.Command) {
	flags := cmd.Flags()
	taken := map[string]string{stillFile: servedFile, servedFile: stillFile}
	for name, other := range taken {
		if flags.Lookup(name) == nil {
			continue
		}
		flags.SetNormalizeFunc(func(_ *pflag.FlagSet, given string) pflag.NormalizedName {
			if given == other {
				return pflag.NormalizedName(name)
			}
			return pflag.NormalizedName(given)
		})
		return
	}
}
