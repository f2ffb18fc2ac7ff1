package cli

import (
	"fmt"
	"strings"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// BytesText writes a size for people.
func BytesText(n int64) string {
	switch {
	case n >= 10<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 10<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d B", n)
}

// CountOf writes a number with what is counted, such as "1 day" and "2 days".
func CountOf(n int, what string) string {
	if n != 1 {
		if stem, ok := strings.CutSuffix(what, "y"); ok && stem != "da" {
			what = stem + "ie"
		}
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// InstanceOf says what an instance of a product is called: "cluster", or such as "synapse
// instance".
func InstanceOf(product string) string {
	if product == "" || product == rollup.Cozystack {
		return "cluster"
	}
	return product + " instance"
}
