//go:build race

package store

import "flag"

// The drawn tests show what one goroutine after the other makes of a file. With the race
// detector fewer are drawn, unless the command line says otherwise.
func init() {
	if err := flag.Set("rapid.checks", "20"); err != nil {
		panic(err)
	}
}
