package main

import (
	"time"

	"github.com/schollz/progressbar/v3"
)

// progress shows a person at a terminal how far something has come. Elsewhere it
// shows nothing.
type progress struct{ bar *progressbar.ProgressBar }

// newProgress begins to show something, by its name and its length in any unit.
func newProgress(env environment, what string, total int64) *progress {
	if !isTerminal(env.stderr) {
		return &progress{}
	}
	bar := progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(env.stderr),
		progressbar.OptionSetDescription(what),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
	)
	_ = bar.RenderBlank() // a line that can't be written harms nothing
	return &progress{bar}
}

// set tells how much is done. It may be called often.
func (p *progress) set(done int64) {
	if p.bar != nil {
		_ = p.bar.Set64(done)
	}
}

// done takes the line away.
func (p *progress) done() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
