package operator

import (
	"strings"
	"sync"
	"time"
)

// mostWhy bounds what is kept of an error, in bytes.
const mostWhy = 300

// Pulse is how something goes that is tried again and again. The zero Pulse was never tried.
type Pulse struct {
	// Worked is when it last did; zero: not since the start.
	Worked time.Time
	// Failing is when it began to fail; zero: it does not. Why is its last error.
	Failing time.Time
	Why     string
}

// Pulses holds a pulse by name. The zero Pulses is ready. It may be used concurrently.
type Pulses struct {
	mu  sync.Mutex
	all map[string]Pulse
}

// Beat notes how a try ended.
func (p *Pulses) Beat(name string, now time.Time, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all == nil {
		p.all = make(map[string]Pulse)
	}
	pulse := p.all[name]
	switch {
	case err == nil:
		pulse = Pulse{Worked: now}
	case pulse.Failing.IsZero():
		pulse.Failing = now
	}
	if err != nil {
		pulse.Why = shortened(Hide(err.Error()))
	}
	p.all[name] = pulse
}

// Of returns the pulse of a name.
func (p *Pulses) Of(name string) Pulse {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all[name]
}

func shortened(text string) string {
	if len(text) <= mostWhy {
		return text
	}
	return strings.ToValidUTF8(text[:mostWhy], "") + "…"
}
