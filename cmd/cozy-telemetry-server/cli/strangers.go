package cli

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// ofService is what Kubernetes adds to the environment of a pod for each service beside
// it, such as one of the name telemetry.
var ofService = regexp.MustCompile(`_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_(TCP|UDP|SCTP)(_[A-Z]+)?)?)$`)

// Strangers returns a line for each variable of an environment, as os.Environ has it,
// that is spelled as a twin and of no flag of the commands is one. It names the nearest.
func Strangers(environ []string, commands []*cobra.Command) (lines []string) {
	flags := make(map[string]string) // by their twins
	for _, cmd := range commands {
		cmd.Flags().VisitAll(func(f *pflag.Flag) { flags[Twin(f.Name)] = f.Name })
	}
	for _, variable := range environ {
		name, _, _ := strings.Cut(variable, "=")
		if flags[name] != "" || !strings.HasPrefix(name, twinPrefix) || ofService.MatchString(name) {
			continue
		}
		var nearest string
		for twin := range flags {
			if nearest == "" || cmp.Or(cmp.Compare(distance(name, twin), distance(name, nearest)), cmp.Compare(twin, nearest)) < 0 {
				nearest = twin
			}
		}
		lines = append(lines, name+" is no flag's twin; the nearest is "+nearest+" of --"+flags[nearest])
	}
	slices.Sort(lines)
	return lines
}

// distance is how many letters must be put in, taken out or changed to make one text
// of another.
func distance(a, b string) int {
	row := make([]int, len(b)+1) // from what of a was seen, to each beginning of b
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, before+1, row[j]+1)
		}
	}
	return row[len(b)]
}
