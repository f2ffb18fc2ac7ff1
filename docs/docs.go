// Package docs has the pages of this folder that the server shows.
package docs

import _ "embed"

// Privacy is privacy.md, and Counting counting.md, in Markdown.
var (
	//go:embed privacy.md
	Privacy []byte
	//go:embed counting.md
	Counting []byte
)
