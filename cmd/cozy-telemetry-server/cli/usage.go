package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// Checked makes a command refuse what is wrong with its flags, all at once, before
// it runs: the needed ones that are empty, and what check returns. A nil check finds
// nothing. The help has the flags in the order in which they were made.
func Checked(cmd *cobra.Command, check func() error, needed ...string) *cobra.Command {
	cmd.Flags().SortFlags = false
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		var errs []error
		for _, flag := range needed {
			if cmd.Flag(flag).Value.String() == "" {
				errs = append(errs, fmt.Errorf("--%s: is required", flag))
			}
		}
		if check != nil {
			errs = append(errs, check())
		}
		return errors.Join(errs...)
	}
	return cmd
}

// UsageError is an error of the command line or of an environment variable: the program
// ends with a code of its own, and names its help.
type UsageError struct{ Err error }

// Error is that of what is wrong.
func (e UsageError) Error() string { return e.Err.Error() }

// Unwrap returns what is wrong.
func (e UsageError) Unwrap() error { return e.Err }

// NoArguments is for commands that take flags only.
func NoArguments(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) > 0 && cmd.HasParent():
		return UsageError{fmt.Errorf("unexpected argument %q: %s takes flags only", args[0], cmd.Name())}
	case len(args) > 0:
		return UsageError{unknownCommand(cmd, args[0])}
	}
	return nil
}

func unknownCommand(root *cobra.Command, name string) error {
	if near := root.SuggestionsFor(name); len(near) > 0 {
		return fmt.Errorf("unknown command %q; is it %s?", name, strings.Join(near, " or "))
	}
	return fmt.Errorf("unknown command %q", name)
}
