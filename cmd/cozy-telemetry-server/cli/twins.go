package cli

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// BindTwins gives each flag of a command its twin in the environment, which the flag
// overrides, and makes the command tell all that is wrong with its flags at once,
// before it runs: what PreRunE returns is an error of usage too. It comes last, when
// the command has all its flags.
//
// A flag that its twin has set does not count as changed.
func BindTwins(cmd *cobra.Command, getenv func(string) (string, bool)) {
	late := &lateErrors{}
	first := ""
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		f.Value = &lateValue{Value: f.Value, flag: f.Name, late: late}
		first = cmp.Or(first, f.Name)
	})
	check := cmd.PreRunE
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		late.fromEnvironment(cmd.Flags(), getenv)
		err := errors.Join(late.errs...)
		if check != nil {
			err = errors.Join(err, check(cmd, args))
		}
		if err != nil {
			return UsageError{err}
		}
		return nil
	}
	if first != "" {
		cmd.Long = fmt.Sprintf("%s\n\nEvery flag has a twin in the environment, which the flag overrides:\n--%s is %s.",
			cmp.Or(cmd.Long, cmd.Short), first, Twin(first))
	}
}

const twinPrefix = "TELEMETRY_"

// Twin is the environment variable of a flag.
func Twin(flag string) string {
	return twinPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// lateErrors gathers the errors of all flags, so that a user sees them at once.
type lateErrors struct{ errs []error }

// fromEnvironment sets the flags that were not given from their twins. The flag for
// help, which is not ours, has none.
func (l *lateErrors) fromEnvironment(flags *pflag.FlagSet, getenv func(string) (string, bool)) {
	flags.VisitAll(func(f *pflag.Flag) {
		value, ok := getenv(Twin(f.Name))
		if _, ours := f.Value.(*lateValue); ours && ok && !f.Changed {
			_ = f.Value.Set(value) // what is wrong with it, l has
		}
	})
}

// lateValue is a flag's value that accepts any text and reports errors late.
type lateValue struct {
	pflag.Value
	flag string
	late *lateErrors
}

// Set never returns an error.
func (v *lateValue) Set(text string) error {
	if err := v.Value.Set(text); err != nil {
		v.late.errs = append(v.late.errs, fmt.Errorf("--%s: %q is not a valid %s", v.flag, text, v.Type()))
	}
	return nil
}
