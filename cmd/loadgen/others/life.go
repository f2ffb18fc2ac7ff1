package others

import "time"

// Shares of what happens to installations.
const (
	bornLater = 0.2
	endsEarly = 0.15
	// twice is how many requests come twice, as behind a proxy that tries again.
	twice = 0.01
	// falls is how often an installation is away for some days, per report.
	falls = 0.002
	// crashes is how many processes end right after their first report.
	crashes = 0.1
)

// client is how a product's client reports.
type client struct {
	// first is when a process reports first, every the time between two reports.
	first, every time.Duration
	// runs is about how long a process runs.
	runs time.Duration
}

// life is the time of one installation, from report to report.
type life struct {
	draw
	client
	// start begins a process, and send makes a request of it.
	start func(first bool)
	send  func() request

	at, restart, end time.Time
	started          bool
}

// live returns an installation's life.
func (c Config) live(d draw) *life {
	length := c.To.Sub(c.From)
	l := &life{draw: d, end: c.To}
	begin := c.From
	if d.chance(bornLater) {
		begin = d.within(begin, length)
	}
	if d.chance(endsEarly) {
		l.end = d.within(begin, c.To.Sub(begin))
	}
	switch c.Product {
	case Synapse:
		l.client = client{5 * time.Minute, 3 * time.Hour, 10 * 24 * time.Hour}
		newSynapse(l)
	case Coroot:
		l.client = client{0, time.Hour, 12 * 24 * time.Hour}
		newCoroot(l)
	default:
		l.client = client{24 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour}
		newKubeAtlas(l)
	}
	l.every = max(l.every, c.Every)
	l.restart = l.within(begin, l.every) // the first process begins anywhere in an interval
	return l
}

// next goes on to the next report, or to the first of the next process; it is false at
// the end.
func (l *life) next() bool {
	next := l.at.Add(l.every)
	if l.chance(falls) {
		next = next.Add(time.Duration(24+l.IntN(4*24)) * time.Hour)
	}
	if l.started && next.Before(l.restart) {
		l.at = next
		return l.at.Before(l.end)
	}
	l.start(!l.started)
	l.started = true
	l.at = l.restart.Add(l.first)
	l.restart = l.at.Add(l.runs/4 + time.Duration(l.Int64N(int64(l.runs)*3/2)))
	if l.chance(crashes) {
		l.restart = l.at.Add(10 * time.Minute)
	}
	return l.at.Before(l.end)
}

// repeats tells whether the report comes twice.
func (l *life) repeats() bool { return l.chance(twice) }
