package operator

import (
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// mostWarnings is how many different ones are kept, the newest.
const mostWarnings = 20

// Warning is a line of the log: its message, which the program has made, and none of its
// fields, which may have a sender's words.
type Warning struct {
	At      time.Time // when it came last
	Level   string
	Message string
	Times   int
}

// Warnings are the last warnings and errors of a log, as its hook. It may be used concurrently.
type Warnings struct {
	now func() time.Time

	mu  sync.Mutex
	all []Warning // the newest last; each message once
}

// NewWarnings returns a hook that has seen nothing yet.
func NewWarnings(now func() time.Time) *Warnings { return &Warnings{now: now} }

// Run notes a line. It is zerolog's hook.
func (w *Warnings) Run(_ *zerolog.Event, level zerolog.Level, message string) {
	if level < zerolog.WarnLevel || level > zerolog.PanicLevel {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	line := Warning{At: w.now(), Level: level.String(), Message: shortened(Hide(message)), Times: 1}
	if i := slices.IndexFunc(w.all, func(o Warning) bool { return o.Message == line.Message && o.Level == line.Level }); i >= 0 {
		line.Times += w.all[i].Times
		w.all = slices.Delete(w.all, i, i+1)
	}
	w.all = append(w.all, line)
	if len(w.all) > mostWarnings {
		w.all = slices.Delete(w.all, 0, 1)
	}
}

// Last returns them, the newest first.
func (w *Warnings) Last() []Warning {
	w.mu.Lock()
	defer w.mu.Unlock()
	last := slices.Clone(w.all)
	slices.Reverse(last)
	return last
}
