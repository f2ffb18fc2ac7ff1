package rollup

import "time"

// Sample is one series with its value in a report: finite, 0 to [MaxValue].
type Sample struct {
	Series Series
	Value  float64
	// Slot is that of the metric; none for a gauge.
	Slot Slotting
}

// Report is what one POST carried.
type Report struct {
	// Product names the kind of software that reports, such as "cozystack".
	Product string
	// Instance identifies the installation that reports; a cluster's id.
	Instance string
	// Received is when the report arrived. Its UTC day and hour are kept.
	Received time.Time
	// Samples are in any order, and each series stands once.
	Samples []Sample
	// Digest is a fingerprint of the samples: two reports of one instance with the
	// same Digest, made by the same process, have the same samples. 0 means not
	// known.
	Digest uint64
}

// Block is a stretch of the forward queue: the samples of the reports of one product that
// one commit brought, ready to be sent.
type Block struct {
	// Seq orders the blocks; it only grows.
	Seq uint64
	// Product is the product of all its reports.
	Product string
	// Received is when the block's first report arrived.
	Received time.Time
	// Reports and Samples count what the block holds.
	Reports, Samples int
	// Lines is a whole gzip member: lines of the exposition format with their
	// timestamps. Members set one behind the other are a gzip stream again.
	Lines []byte
}
