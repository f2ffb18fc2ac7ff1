package rollup

import "time"

// Selection says which records are meant: those of some instances of a product, on some
// days. It must not be changed once it is used.
type Selection struct {
	Product string
	// Instances are whose records; nil: everybody's.
	Instances map[string]struct{}
	// From and To are the first and the last of the days; To 0: all days, and months
	// whose days are gone too.
	From, To Date
}

// HasInstance tells whether records of an instance are meant.
func (s Selection) HasInstance(product, instance string) bool {
	_, named := s.Instances[instance]
	return product == s.Product && (named || s.Instances == nil)
}

// HasDay tells whether records of a day are meant.
func (s Selection) HasDay(day Date) bool { return s.To == 0 || s.From <= day && day <= s.To }

// DaysOf returns which days of a month are meant.
func (s Selection) DaysOf(month MonthID) (days DaySet) {
	for day := month.First(); day <= month.Last(); day++ {
		if s.HasDay(day) {
			days |= DaySetOf(day.DayOfMonth())
		}
	}
	return days
}

// Forgotten notes that instances were forgotten, and nothing that tells who they were:
// figures that are older may have them.
type Forgotten struct {
	At        time.Time `json:"at"`
	Product   string    `json:"product"`
	Instances int       `json:"instances"`
	// From and To are the first and the last month of which they had records.
	From MonthID `json:"from"`
	To   MonthID `json:"to"`
}

// Covers tells whether figures of a month that were made at a time may have them.
func (f Forgotten) Covers(month MonthID, made time.Time) bool {
	return f.From <= month && month <= f.To && made.Before(f.At)
}
