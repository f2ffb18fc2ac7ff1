package census

import (
	"strings"

	"golang.org/x/mod/semver"

	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/product"
)

// A reader of texts returns "" where there is nothing, and [published.Other] for what is not
// what real clients send: anybody can report anything.
type words func(text string) string

// maxText is more than any real value has.
const maxText = 64

// plain takes printable ASCII as it is.
func plain(text string) string {
	text = strings.TrimSpace(text)
	if len(text) > maxText {
		return published.Other
	}
	for _, r := range text {
		if r < ' ' || r > '~' {
			return published.Other
		}
	}
	return text
}

// name takes names of drivers, packages, variants and resources.
func name(text string) string {
	if strings.ContainsAny(text, " <>\"'&\\") {
		return published.Other
	}
	return plain(text)
}

// version takes versions of Cozystack, without what is known of the build.
func version(text string) string {
	text = name(text)
	if text == "" || text == published.Other {
		return text
	}
	if text[0] != 'v' {
		text = "v" + text
	}
	if !semver.IsValid(text) {
		return published.Other
	}
	return strings.TrimSuffix(text, semver.Build(text))
}

var twoNumbers = product.Version(2)

// minor returns "v1.31" of "v1.31.4+k3s1".
func minor(text string) string {
	v := majorMinor(text)
	if v == "" || v == published.Other {
		return v
	}
	return "v" + v
}

// majorMinor returns "6.12" of "6.12.35-talos".
func majorMinor(text string) string {
	if text == "" {
		return ""
	}
	return twoNumbers(text)
}

// system returns "Talos 1.8" of "linux (Talos (v1.8.4))" and "Ubuntu 22.04" of
// "linux (Ubuntu 22.04.3 LTS)": the name with the first two numbers of its version, since
// patches of a system say nothing that would be compared. What has no version is as it is.
func system(text string) string {
	text = plain(text)
	if inner, ok := strings.CutPrefix(text, "linux ("); ok {
		text = strings.TrimSuffix(inner, ")")
	}
	fields := strings.Fields(text)
	for i, field := range fields {
		field = strings.Trim(field, "()")
		v := strings.TrimPrefix(field, "v")
		if i == 0 || v == "" || v[0] < '0' || v[0] > '9' {
			continue
		}
		if two := twoNumbers(v); two != published.Other {
			v = two
		}
		return strings.Join(append(fields[:i:i], v), " ")
	}
	return strings.Join(fields, " ")
}

// size is a range of numbers of nodes, up to most.
type size struct {
	most float64
	name string
}

// sizes are all but the largest, which is sizeMore.
var sizes = []size{{1, "1"}, {3, "2–3"}, {6, "4–6"}, {12, "7–12"}, {24, "13–24"}}

const sizeMore = "25+"

func sizeOf(nodes float64) string {
	if nodes <= 0 {
		return ""
	}
	for _, s := range sizes {
		if nodes <= s.most {
			return s.name
		}
	}
	return sizeMore
}
