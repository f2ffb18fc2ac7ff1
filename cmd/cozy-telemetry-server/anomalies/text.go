package anomalies

import (
	"fmt"
	"io"
	"strings"
)

// write prints a look for people.
func (l Look) write(w io.Writer) error {
	var b strings.Builder
	switch {
	case l.Day == "":
		b.WriteString("no anomalies: there is no report yet\n")
	case len(l.Findings) == 0:
		fmt.Fprintf(&b, "no anomalies up to %s\n", l.Day)
	}
	for _, f := range l.Findings {
		fmt.Fprintf(&b, "%s %s: %s\n", f.Kind, f.When, f.What)
		if len(f.Examples) > 0 {
			fmt.Fprintf(&b, "  such as: %s\n", strings.Join(f.Examples, " "))
		}
		fmt.Fprintf(&b, "  next: %s\n", f.Next)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
