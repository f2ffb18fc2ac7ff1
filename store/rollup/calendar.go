package rollup

import (
	"fmt"
	"time"
)

// Date is a calendar day in UTC, counted in days since 1970-01-01.
type Date int32

const secondsPerDay = 24 * 60 * 60

// DateOf returns the UTC day that t falls on.
func DateOf(t time.Time) Date {
	s := t.Unix()
	d := s / secondsPerDay
	if s%secondsPerDay < 0 {
		d--
	}
	return Date(d)
}

// ParseDate reads the form that String writes, such as "2026-03-01".
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, fmt.Errorf("rollup: not a date: %q", s)
	}
	return DateOf(t), nil
}

// Start returns the day's first instant.
func (d Date) Start() time.Time { return time.Unix(int64(d)*secondsPerDay, 0).UTC() }

// Month returns the calendar month that holds the day.
func (d Date) Month() MonthID { return MonthOf(d.Start()) }

// DayOfMonth returns 1 to 31.
func (d Date) DayOfMonth() int { return d.Start().Day() }

// String returns the day as "2006-01-02".
func (d Date) String() string { return d.Start().Format(time.DateOnly) }

// MonthID is a calendar month in UTC: 12 times the year, plus 0 for January to
// 11 for December. Adding n goes n months on.
type MonthID int32

const monthLayout = "2006-01"

// NewMonth returns the month of a year. January is 1.
func NewMonth(year int, month time.Month) MonthID { return MonthID(year*12 + int(month) - 1) }

// MonthOf returns the UTC month that t falls in.
func MonthOf(t time.Time) MonthID {
	t = t.UTC()
	return NewMonth(t.Year(), t.Month())
}

// ParseMonth reads the form that String writes, such as "2026-03".
func ParseMonth(s string) (MonthID, error) {
	t, err := time.Parse(monthLayout, s)
	if err != nil {
		return 0, fmt.Errorf("rollup: not a month: %q", s)
	}
	return MonthOf(t), nil
}

// Start returns the month's first instant.
func (m MonthID) Start() time.Time {
	return time.Date(int(m)/12, time.Month(int(m)%12+1), 1, 0, 0, 0, 0, time.UTC)
}

// End returns the first instant after the month.
func (m MonthID) End() time.Time { return (m + 1).Start() }

// First returns the month's first day.
func (m MonthID) First() Date { return DateOf(m.Start()) }

// Last returns the month's last day.
func (m MonthID) Last() Date { return (m + 1).First() - 1 }

// Days returns how many days the month has, 28 to 31.
func (m MonthID) Days() int { return int(m.Last()-m.First()) + 1 }

// String returns the month as "2006-01".
func (m MonthID) String() string { return m.Start().Format(monthLayout) }

// Name is the month as people write it: "March 2026".
func (m MonthID) Name() string { return m.Start().Format("January 2006") }

// MarshalText writes the month as "2006-01".
func (m MonthID) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads "2006-01".
func (m *MonthID) UnmarshalText(b []byte) error {
	p, err := ParseMonth(string(b))
	if err != nil {
		return err
	}
	*m = p
	return nil
}
