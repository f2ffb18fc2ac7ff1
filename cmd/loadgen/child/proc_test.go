package child

import (
	"errors"
	"os"
	"testing"
	"time"
)

func TestParseCPU(t *testing.T) {
	for name, tt := range map[string]struct {
		stat string
		want time.Duration
	}{
		"plain":                {"1234 (vmagent) S 1 2 3 0 -1 4194560 100 200 0 0 150 25 7 8 20 0 9", 1750 * time.Millisecond},
		"a name made to cheat": {"1234 (a) 1 (b c) S 1 2 3 0 -1 4194560 100 200 0 0 1 0 7 8 20 0 9\n", 10 * time.Millisecond},
		"cut off":              {"1234 (vmagent) S 1 2 3 0 -1 4194560 100 200 0 0 150", 0},
		"no number":            {"1234 (vmagent) S 1 2 3 0 -1 4194560 100 200 0 0 150 x 7", 0},
		"empty":                {"", 0},
	} {
		got, err := parseCPU([]byte(tt.stat))
		if got != tt.want || (tt.want == 0) != errors.Is(err, errProc) {
			t.Errorf("%s: %v, error %v", name, got, err)
		}
	}
}

func TestParsePeak(t *testing.T) {
	for name, tt := range map[string]struct {
		status string
		want   int64
	}{
		"among others": {"Name:\tx\nVmPeak:\t  900 kB\nVmHWM:\t    7184 kB\nVmRSS:\t 10 kB\n", 7184 << 10},
		"last":         {"VmHWM:\t1 kB", 1 << 10},
		"none":         {"Name:\tkthreadd\n", 0},
		"other unit":   {"VmHWM:\t1 MB\n", 0},
		"no number":    {"VmHWM:\tmany kB\n", 0},
	} {
		got, err := parseMemory([]byte(tt.status), "VmHWM:")
		if got != tt.want || (tt.want == 0) != errors.Is(err, errProc) {
			t.Errorf("%s: %v, error %v", name, got, err)
		}
	}
}

func TestProcOfThisProcess(t *testing.T) {
	before, err := CPUTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for sum := 0; ; sum++ { // ends once it is seen to cost something
		now, err := CPUTime(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if now > before {
			break
		}
	}
	if peak, err := PeakMemory(os.Getpid()); peak < 1<<20 || err != nil {
		t.Errorf("%d bytes, error %v", peak, err)
	}
	if own, err := OwnMemory(os.Getpid()); own < 1<<20 || err != nil {
		t.Errorf("%d bytes of its own, error %v", own, err)
	}
}
