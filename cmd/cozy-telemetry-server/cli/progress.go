package cli

import (
	"time"

	"github.com/schollz/progressbar/v3"
)

// Progress shows a person at a terminal how far something has come. Elsewhere it
// shows nothing.
type Progress struct{ bar *progressbar.ProgressBar }

// NewProgress begins to show something, by its name and its length in any unit.
func NewProgress(env Environment, what string, total int64) *Progress {
	if !IsTerminal(env.Stderr) {
		return &Progress{}
	}
	bar := progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(env.Stderr),
		progressbar.OptionSetDescription(what),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
	)
	_ = bar.RenderBlank() // a line that can't be written harms nothing
	return &Progress{bar}
}

// Set tells how much is done. It may be called often.
func (p *Progress) Set(done int64) {
	if p.bar != nil {
		_ = p.bar.Set64(done)
	}
}

// Done takes the line away.
func (p *Progress) Done() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
