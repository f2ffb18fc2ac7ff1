package attack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"time"
)

// ErrOptions is returned when options name what there is not.
var ErrOptions = errors.New("attack: wrong options")

// Options says what [Run] does.
type Options struct {
	// Server is the binary of the telemetry server.
	Server string
	// Dir is where files are made, in a folder of their own that is removed in the end;
	// empty means the system's folder for such.
	Dir string
	// Size says how much is tried.
	Size Size
	// Only are the keys of the attacks that are wanted; empty means all.
	Only []string
	// Progress gets a line per step; nil means none.
	Progress io.Writer
	// Now is the clock. It must be set.
	Now func() time.Time
}

// Size says how much is tried.
type Size struct {
	Name string
	// Clusters are honest, and have reported for so many Months before this one.
	Clusters, Months int
	// Crowd is how many ids are made up in one place, and Long how many of them report
	// long series. Fillers are those that fill a dictionary.
	Crowd, Long, Fillers int
	// Newcomers are honest new clusters, two behind each NAT, that come one after the
	// other over a time while new ids are made up without end. As long is what is dear
	// asked for.
	Newcomers int
	Over      time.Duration
}

// Full is the size of what was tried on the server from outside. It takes some minutes.
func Full() Size {
	return Size{Name: "full", Clusters: 415, Months: 4, Crowd: 1000, Long: 1000, Fillers: 200, Newcomers: 60, Over: time.Minute}
}

// Small takes half a minute.
func Small() Size {
	return Size{Name: "small", Clusters: 40, Months: 3, Crowd: 200, Long: 40, Fillers: 80, Newcomers: 20, Over: time.Second}
}

// Run attacks. The error is of the options, of ctx, or says what could not be done at
// all, with the rows so far; broken promises are in the table. All programs that it
// starts have ended when it returns.
func Run(ctx context.Context, o Options) (t Table, err error) {
	t = Table{Size: o.Size.Name, CPUs: runtime.NumCPU(), Day: o.Now().UTC().Format(time.DateOnly)}
	wanted, err := choose(o.Only)
	if err != nil {
		return t, err
	}
	dir, err := os.MkdirTemp(o.Dir, "loadgen-attack-")
	if err != nil {
		return t, fmt.Errorf("attack: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	l, err := newLab(ctx, o, dir)
	if err != nil {
		return t, err
	}
	for _, a := range wanted {
		l.progress("%s", a.what)
		row, err := l.play(ctx, a)
		if err != nil {
			return t, fmt.Errorf("%s: %w", a.key, err)
		}
		t.Rows = append(t.Rows, row)
	}
	return t, nil
}

// choose returns the attacks with these keys, all if there are none.
func choose(keys []string) ([]attack, error) {
	for _, key := range keys {
		if !slices.Contains(Keys(), key) {
			return nil, fmt.Errorf("%w: there is no attack %q, but %v", ErrOptions, key, Keys())
		}
	}
	return slices.DeleteFunc(attacks(), func(a attack) bool {
		return len(keys) > 0 && !slices.Contains(keys, a.key)
	}), nil
}

// Keys returns the names that Options.Only may have.
func Keys() (keys []string) {
	for _, a := range attacks() {
		keys = append(keys, a.key)
	}
	return keys
}
