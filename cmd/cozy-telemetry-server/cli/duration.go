package cli

import (
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/spf13/pflag"
)

// DurationVar declares a flag for a time span, as Go writes it (1h30m), or with days, weeks
// and years (400d, 5y). It is shown as it was typed.
func DurationVar(f *pflag.FlagSet, to *time.Duration, name string, value time.Duration, usage string) {
	*to = value
	f.Var(&duration{to: to, text: DurationText(value)}, name, usage)
}

// duration is the value of a flag.
type duration struct {
	to   *time.Duration
	text string
}

func (d *duration) String() string { return d.text }
func (d *duration) Type() string   { return "duration" }

func (d *duration) Set(text string) error {
	value, err := time.ParseDuration(text)
	if err != nil {
		var long model.Duration
		if long, err = model.ParseDuration(text); err != nil {
			return err
		}
		value = time.Duration(long)
	}
	*d.to, d.text = value, text
	return nil
}

const (
	day  = 24 * time.Hour
	year = 365 * day
)

// DurationText writes a time span as a person would: 15m, 24h, 400d, 5y.
func DurationText(d time.Duration) string {
	switch {
	case d >= year && d%year == 0:
		return strconv.FormatInt(int64(d/year), 10) + "y"
	case d >= 2*day && d%day == 0:
		return strconv.FormatInt(int64(d/day), 10) + "d"
	case d == 0:
		return "0"
	}
	text := d.String()
	if d%time.Minute == 0 {
		text = strings.TrimSuffix(text, "0s")
	}
	if d%time.Hour == 0 {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
