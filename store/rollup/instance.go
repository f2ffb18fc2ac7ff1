package rollup

// InstanceDay is one instance's day.
type InstanceDay struct {
	Instance string
	Day      Day
}

// InstanceMonth is one instance's month.
type InstanceMonth struct {
	Instance string
	Month    Month
}
