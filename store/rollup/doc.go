// Package rollup is the domain: what a report is, and how reports fold into
// days and days into months. It is pure: no I/O, no clock, no globals, the
// standard library only.
//
// A [Report] is what one POST carried. [FromReport] turns it into the [Day]
// that would exist if it had been the only report of its UTC day, and
// [Day.Merge] joins such days. [FromDay] and [Month.Merge] fold an instance's
// days into its month.
//
// Everything else leans on one law: merging is commutative, associative and
// idempotent. A retry, a replay after a crash, and a merge of two replicas'
// files therefore never change a figure twice. The law is held by the property
// tests of this package. It is why a last value carries the hour in which it
// was reported, and why two values of one hour are ordered by size: a rule that
// depended on the order of arrival would not commute.
package rollup
