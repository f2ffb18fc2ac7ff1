// Package rollup is the domain: what a report is, and how reports become days
// and days months. It is pure: no I/O, no clock, no globals, the standard library only.
//
// A [Report] is what one POST carried. [FromReport] turns it into the [Day]
// that would exist if it had been the only report of its UTC day, and
// [Day.Merge] joins such days. [FromDay] and [Month.Merge] do the same for
// months.
//
// Everything else leans on one law: merging is commutative, associative and
// idempotent. A retry, a replay after a crash, and a merge of two replicas'
// files therefore never change a figure twice. The law is held by the property
// tests of this package. It is why a last value carries the hour in which it
// was reported, and why two values of one hour are ordered by size: a rule that
// depended on the order of arrival would not commute.
//
// # Words
//
// The whole project uses these words, each for one thing:
//
//   - product: the kind of software that reports; instance: an installation of it, a
//     cluster.
//   - report: what one request brings; sample: a series with its value in a report.
//   - series: a metric with its labels, as text.
//   - peak: the highest value in a stretch of time.
//   - day, month: what is kept of an instance in a day or a month of UTC.
//   - closed: a day that is in its month's records, so that the month is read without
//     it. The file, the page of it, and what the commands print call it folded.
//   - fold: the walk over the days and months of all instances. To merge is to make one
//     day or month of two.
//   - figures: what is published of a month; snapshot: the figures as they are stored.
//   - queue: what waits to be forwarded; block: a piece of it, of some reports.
package rollup
