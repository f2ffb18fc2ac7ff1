package cli

import (
	"testing"
	"time"

	"github.com/spf13/pflag"
)

func TestDurationText(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"0": 0, "1ms": time.Millisecond, "15s": 15 * time.Second, "1m30s": 90 * time.Second, "10m": 10 * time.Minute, "1h": time.Hour, "1h10m": 70 * time.Minute,
		"1h0m1s": time.Hour + time.Second, "24h": 24 * time.Hour, "25h": 25 * time.Hour, "90d": 90 * day, "400d": 400 * day, "1y": year, "5y": 5 * year, "-1m": -time.Minute,
	} {
		if got := DurationText(d); got != want {
			t.Errorf("%d is %s, want %s", d, got, want)
		}
	}
}

// A flag takes both ways of writing, and is shown as it was typed.
func TestDurationFlag(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"90d": 90 * day, "2160h": 90 * day, "2w": 14 * day, "1.5h": 90 * time.Minute, "0": 0, "1d12h": 36 * time.Hour,
	} {
		var got time.Duration
		f := pflag.NewFlagSet("", pflag.ContinueOnError)
		DurationVar(f, &got, "keep", time.Hour, "")
		if f.Lookup("keep").DefValue != "1h" || got != time.Hour {
			t.Errorf("the default is %s, %s", f.Lookup("keep").DefValue, got)
		}
		if err := f.Set("keep", text); err != nil || got != want || f.Lookup("keep").Value.String() != text {
			t.Errorf("%s: %v, %v, shown as %s", text, got, err, f.Lookup("keep").Value)
		}
	}
	var kept time.Duration
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	DurationVar(f, &kept, "keep", time.Hour, "")
	for _, text := range []string{"", "x", "90", "3 days", "-1d", "1e9y"} {
		if err := f.Set("keep", text); err == nil || kept != time.Hour {
			t.Errorf("%q: %v, %v", text, kept, err)
		}
	}
}

func TestRangeOfDurations(t *testing.T) {
	err := CheckRange("keep", 2*time.Hour, time.Second, 90*time.Minute)
	if want := "--keep: 2h is not between 1s and 1h30m"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
