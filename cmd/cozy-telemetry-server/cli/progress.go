package cli

import (
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// Progress shows a person at a terminal how far something has come. Elsewhere it
// shows nothing.
type Progress struct {
	stderr io.Writer // nil: nobody looks on
	what   string
	total  int64
	bar    *progressbar.ProgressBar // nil while there is no line
}

// NewProgress shows nothing yet.
func NewProgress(env Environment, what string) *Progress {
	p := &Progress{what: what}
	if IsTerminal(env.Stderr) {
		p.stderr = env.Stderr
	}
	return p
}

// Tell shows how much is done of how much, in any unit. It may be called often.
func (p *Progress) Tell(done, total int64) {
	if p.stderr == nil {
		return
	}
	if p.bar == nil || p.total != total {
		p.begin(total)
	}
	_ = p.bar.Set64(done) // a line that can't be written harms nothing
}

func (p *Progress) begin(total int64) {
	p.End()
	p.total = total
	p.bar = progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(p.stderr),
		progressbar.OptionSetDescription(p.what),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
	)
	_ = p.bar.RenderBlank() // likewise
}

// End takes the line away, until there is more to tell.
func (p *Progress) End() {
	if p.bar != nil {
		_ = p.bar.Finish()
		p.bar = nil
	}
}
