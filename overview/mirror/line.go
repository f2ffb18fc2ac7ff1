package mirror

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// ErrLine is returned when a line of a day's file is not one that
// EncodeLine writes.
var ErrLine = errors.New("not a line of the mirror")

// record is a line of a day's file. Maps are written sorted by key.
type record struct {
	Product   string                     `json:"product"`
	Instance  string                     `json:"instance"`
	FirstHour uint8                      `json:"first_hour"`
	LastHour  uint8                      `json:"last_hour"`
	Series    map[rollup.Series]dayPoint `json:"series"`
	Sums      map[string]float64         `json:"sums"`
}

type dayPoint struct {
	Peak float64 `json:"peak"`
	Last float64 `json:"last"`
	Hour uint8   `json:"hour"`
	// Slot and Hours are those of a series with a slotting, which Cozystack's lack.
	Slot  string            `json:"slot,omitempty"`
	Hours map[uint8]float64 `json:"hours,omitempty"`
}

// EncodeLine returns the day of one instance as a line of JSON, without a
// line feed. The line holds all of the day: DecodeLine restores it exactly.
// A value that is not finite is an error.
func EncodeLine(product, instance string, d rollup.Day) ([]byte, error) {
	l := record{
		Product: product, Instance: instance, FirstHour: d.First, LastHour: d.Last,
		Series: make(map[rollup.Series]dayPoint, len(d.Points)),
		Sums:   make(map[string]float64, len(d.Sums)),
	}
	for _, p := range d.Points {
		l.Series[p.Series] = dayPoint{p.Peak, p.Last, p.Hour, slotNames[p.Slot], hoursOf(d, p)}
	}
	for _, s := range d.Sums {
		l.Sums[s.Metric] = s.Peak
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // a file for people, not a page
	if err := enc.Encode(l); err != nil {
		return nil, fmt.Errorf("day of %s %q: %w", product, instance, err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// DecodeLine reads a line, without its line feed, that EncodeLine has
// written. Whatever else it gets is refused with [ErrLine]: series that are
// not canonical, values or hours out of range, keys that are unknown, doubled or
// out of order.
func DecodeLine(line []byte) (product, instance string, d rollup.Day, err error) {
	var l record
	if err := json.Unmarshal(line, &l); err != nil {
		return "", "", d, fmt.Errorf("%w: %w", ErrLine, err)
	}
	if l.Product == "" || l.Instance == "" {
		return "", "", d, fmt.Errorf("%w: no product or instance", ErrLine)
	}
	d = l.day()
	if err := checkDay(d); err != nil {
		return "", "", rollup.Day{}, fmt.Errorf("%w: %w", ErrLine, err)
	}
	// One comparison finds doubled, unknown and unsorted keys alike.
	again, err := EncodeLine(l.Product, l.Instance, d)
	if err != nil || !bytes.Equal(again, line) {
		return "", "", rollup.Day{}, fmt.Errorf("%w: not in the form in which it is written", ErrLine)
	}
	return l.Product, l.Instance, d, nil
}

func (l record) day() rollup.Day {
	d := rollup.Day{First: l.FirstHour, Last: l.LastHour}
	for _, s := range slices.Sorted(maps.Keys(l.Series)) {
		p := l.Series[s]
		d.Points = append(d.Points, rollup.Point{Series: s, Peak: p.Peak, Last: p.Last, Hour: p.Hour, Slot: slottingOf(p.Slot)})
		if slottingOf(p.Slot) == rollup.ByHour {
			d.Hours = append(d.Hours, rollup.HourSlots{Series: s, Slots: slotsOf(p.Hours)})
		}
	}
	for _, metric := range slices.Sorted(maps.Keys(l.Sums)) {
		d.Sums = append(d.Sums, rollup.Sum{Metric: metric, Peak: l.Sums[metric]})
	}
	return d
}

// checkDay holds a day to what is true of every day that reports have made.
func checkDay(d rollup.Day) error {
	if d.IsZero() {
		return errors.New("no series")
	}
	if d.Last > 23 {
		return fmt.Errorf("hour %d", d.Last)
	}
	for _, p := range d.Points {
		switch {
		case !canonical(p.Series):
			return fmt.Errorf("series %q", p.Series)
		case !inRange(p.Peak) || !inRange(p.Last) || p.Last > p.Peak:
			return fmt.Errorf("series %q: peak %v, last %v", p.Series, p.Peak, p.Last)
		case p.Hour < d.First || p.Hour > d.Last:
			return fmt.Errorf("series %q: hour %d", p.Series, p.Hour)
		}
		if err := checkHours(d, p); err != nil {
			return err
		}
	}
	want := rollup.SumPeaks(d.Points)
	if !slices.EqualFunc(d.Sums, want, func(a, b rollup.Sum) bool { return a.Metric == b.Metric }) {
		return errors.New("sums are not of the metrics of the series")
	}
	for _, s := range d.Sums {
		if !inRange(s.Peak) {
			return fmt.Errorf("sum of %s is %v", s.Metric, s.Peak)
		}
	}
	return nil
}

// inRange tells whether a number can be the value of a sample, or a sum of them.
func inRange(v float64) bool {
	_, err := rollup.CheckValue(v)
	return err == nil
}

var (
	metricName = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*$`)
	labelName  = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)
)

// canonical tells whether a text is one that rollup.NewSeries returns.
func canonical(s rollup.Series) bool {
	if !metricName.MatchString(s.Metric()) {
		return false
	}
	if s == rollup.Series(s.Metric()) {
		return true
	}
	if !strings.HasSuffix(string(s), "}") {
		return false
	}
	labels := s.Labels()
	for i, l := range labels {
		if !labelName.MatchString(l.Name) || l.Name == rollup.LabelCluster || i > 0 && labels[i-1].Name >= l.Name {
			return false
		}
	}
	return rollup.NewSeries(s.Metric(), labels) == s
}
