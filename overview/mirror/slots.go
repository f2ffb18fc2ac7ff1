package mirror

import (
	"fmt"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// slotNames are the slottings as a line names them; a gauge has none.
var slotNames = map[rollup.Slotting]string{rollup.ByDay: "day", rollup.ByHour: "hour"}

// slottingOf returns the slotting with a name; none for another name.
func slottingOf(name string) rollup.Slotting {
	for s, n := range slotNames {
		if n == name {
			return s
		}
	}
	return 0
}

// hoursOf returns the slots of a point by hour as a line has them.
func hoursOf(d rollup.Day, p rollup.Point) map[uint8]float64 {
	if p.Slot != rollup.ByHour {
		return nil
	}
	hours := make(map[uint8]float64)
	for _, s := range d.HoursOf(p.Series) {
		hours[uint8(s.At)] = s.Value
	}
	return hours
}

// slotsOf returns the slots that a line has.
func slotsOf(hours map[uint8]float64) (slots []rollup.Slot) {
	for hour := range uint8(24) {
		if v, ok := hours[hour]; ok {
			slots = append(slots, rollup.Slot{At: uint16(hour), Value: v})
		}
	}
	return slots
}

// checkHours holds the slots of a point to what is true of all that reports have made.
func checkHours(d rollup.Day, p rollup.Point) error {
	hours := d.HoursOf(p.Series)
	if (p.Slot == rollup.ByHour) != (len(hours) > 0) {
		return fmt.Errorf("series %q: %d hours", p.Series, len(hours))
	}
	for _, s := range hours {
		if s.At < uint16(d.First) || s.At > uint16(d.Last) || !inRange(s.Value) || s.Value > p.Peak {
			return fmt.Errorf("series %q: hour %d, value %v", p.Series, s.At, s.Value)
		}
	}
	return nil
}
