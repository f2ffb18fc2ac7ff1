package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/child"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/victoria"
)

// conns is how many connections send at once, in all rows but that of latency and that of
// many connections.
const conns, manyConns = 32, 128

// taking is how a program took reports: processor time per report, until all was
// forwarded, and reports a second.
type taking struct {
	cpu  time.Duration
	rate float64
}

// ingested is what came of taking reports of few clusters, from lean clients, from ordinary
// ones, and from many of these.
type ingested struct {
	lean, ordinary, many beside
	memory               int64 // of ours, after two reports of each cluster
}

// beside is how two programs took the same reports in turns.
type beside struct{ ours, vmagent taking }

// taker is a program that takes reports.
type taker struct {
	sender
	conns   int
	process *child.Process
	settled func(context.Context) error // waits until all is forwarded
}

// warmUp sends two reports of each cluster.
func (t *taker) warmUp(ctx context.Context) error {
	if _, err := t.post(ctx, conns, 2*t.clusters); err != nil {
		return err
	}
	return t.settled(ctx)
}

func (t *taker) round(ctx context.Context) (taking, error) {
	before, err := child.CPUTime(t.process.PID)
	if err != nil {
		return taking{}, err
	}
	r, err := t.post(ctx, t.conns, t.lab.Size.Requests)
	if err == nil {
		err = t.settled(ctx)
	}
	if err != nil {
		return taking{}, err
	}
	after, err := child.CPUTime(t.process.PID)
	return taking{(after - before) / time.Duration(r.Requests), r.PerSecond()}, err
}

// rounds lets programs take turns, and returns each one's median.
func (l *lab) rounds(ctx context.Context, takers ...*taker) ([]taking, error) {
	cpu, rate := make([][]time.Duration, len(takers)), make([][]float64, len(takers))
	for n := range l.Size.Rounds {
		for i := range takers {
			i = (i + n) % len(takers) // another one begins each time
			t, err := takers[i].round(ctx)
			if err != nil {
				return nil, err
			}
			l.progress("  %s: %s, %.0f/s", takers[i].process.Name(), microseconds(t.cpu), t.rate)
			cpu[i], rate[i] = append(cpu[i], t.cpu), append(rate[i], t.rate)
		}
	}
	out := make([]taking, len(takers))
	for i := range takers {
		out[i] = taking{median(cpu[i]), median(rate[i])}
	}
	return out, nil
}

// takeOurs starts a telemetry server that takes reports.
func (l *lab) takeOurs(ctx context.Context, clusters int) (*taker, error) {
	s, err := l.serve(ctx, l.file("ingest.db"))
	if err != nil {
		return nil, err
	}
	return &taker{sender{lab: l, url: s.URL + "/", clusters: clusters}, conns, s.Process, s.drained}, nil
}

// takeVMAgent starts a vmagent that takes reports.
func (l *lab) takeVMAgent(ctx context.Context, clusters int) (*taker, error) {
	addr, err := victoria.FreeAddr()
	if err != nil {
		return nil, err
	}
	c, err := l.run(ctx, "vmagent", "http://"+addr, "/health", "-httpListenAddr="+addr, "-loggerLevel=ERROR",
		"-remoteWrite.url="+l.sink.url+"/api/v1/write", "-remoteWrite.tmpDataPath="+l.file("vmagent"))
	if err != nil {
		return nil, fmt.Errorf("%w; Debian's package victoria-metrics has it", err)
	}
	return &taker{sender{lab: l, url: c.URL + "/api/v1/import/prometheus", clusters: clusters}, conns, c, l.sink.quiet}, nil
}

func (l *lab) takeFew(ctx context.Context) (in ingested, err error) {
	ours, err := l.takeOurs(ctx, l.Size.Few)
	if err != nil {
		return in, err
	}
	defer ours.process.Kill()
	vmagent, err := l.takeVMAgent(ctx, l.Size.Few)
	if err != nil {
		return in, err
	}
	defer vmagent.process.Kill()
	for _, t := range []*taker{ours, vmagent} {
		if err := t.warmUp(ctx); err != nil {
			return in, err
		}
	}
	if in.memory, err = child.PeakMemory(ours.process.PID); err != nil {
		return in, err
	}
	for _, way := range []struct {
		into     *beside
		ordinary bool
		conns    int
	}{{&in.lean, false, conns}, {&in.ordinary, true, conns}, {&in.many, true, manyConns}} {
		for _, t := range []*taker{ours, vmagent} {
			t.ordinary, t.conns = way.ordinary, way.conns
		}
		medians, err := l.rounds(ctx, ours, vmagent)
		if err != nil {
			return in, err
		}
		*way.into = beside{medians[0], medians[1]}
	}
	return in, nil
}

// crowd is what came of taking reports of many clusters.
type crowd struct {
	ours   taking
	memory int64
}

func (l *lab) takeMany(ctx context.Context) (c crowd, err error) {
	ours, err := l.takeOurs(ctx, l.Size.Many)
	if err != nil {
		return c, err
	}
	defer ours.process.Kill()
	if err := ours.warmUp(ctx); err != nil {
		return c, err
	}
	if c.memory, err = child.PeakMemory(ours.process.PID); err != nil {
		return c, err
	}
	medians, err := l.rounds(ctx, ours)
	if err != nil {
		return c, err
	}
	c.ours = medians[0]
	return c, nil
}

func (l *lab) cpu(ctx context.Context) (measured, error) {
	in, err := l.few.get(ctx, l.takeFew)
	return in.lean.cpu(), err
}

func (l *lab) rate(ctx context.Context) (measured, error) {
	in, err := l.few.get(ctx, l.takeFew)
	return in.lean.rate(), err
}

func (l *lab) cpuOrdinary(ctx context.Context) (measured, error) {
	in, err := l.few.get(ctx, l.takeFew)
	return in.ordinary.cpu(), err
}

func (l *lab) rateOrdinary(ctx context.Context) (measured, error) {
	in, err := l.few.get(ctx, l.takeFew)
	return in.ordinary.rate(), err
}

func (l *lab) rateMany(ctx context.Context) (measured, error) {
	in, err := l.few.get(ctx, l.takeFew)
	return in.many.rate(), err
}

func (b beside) cpu() measured {
	return measured{
		fmt.Sprintf("%s, vmagent %s", microseconds(b.ours.cpu), microseconds(b.vmagent.cpu)),
		ratio(b.ours.cpu, b.vmagent.cpu),
	}
}

func (b beside) rate() measured {
	return measured{
		fmt.Sprintf("%.0f/s, vmagent %.0f/s", b.ours.rate, b.vmagent.rate),
		ratio(b.ours.rate, b.vmagent.rate),
	}
}

func (l *lab) memory(ctx context.Context) (measured, error) {
	in, err := l.few.get(ctx, l.takeFew)
	return measured{fmt.Sprintf("%s at %d", megabytes(in.memory), l.Size.Few), float64(in.memory) / 64e6}, err
}

func (l *lab) memoryMany(ctx context.Context) (measured, error) {
	c, err := l.many.get(ctx, l.takeMany)
	return measured{fmt.Sprintf("%s at %d", megabytes(c.memory), l.Size.Many), float64(c.memory) / 256e6}, err
}

func (l *lab) growth(ctx context.Context) (measured, error) {
	in, err := l.few.get(ctx, l.takeFew)
	if err != nil {
		return measured{}, err
	}
	c, err := l.many.get(ctx, l.takeMany)
	return measured{
		fmt.Sprintf("%s at %d, %s at %d", microseconds(c.ours.cpu), l.Size.Many, microseconds(in.lean.ours.cpu), l.Size.Few),
		ratio(c.ours.cpu, in.lean.ours.cpu),
	}, err
}
