// Package appsource knows which applications cozystack has, and which of them
// a reported kind belongs to.
//
// Two things are combined. kinds.csv, built in, maps the kinds that clusters
// report to the names of applications (kinds.go). The list of applications says
// which names are shown even when nobody runs them; it is the content of the
// folder packages/apps of cozystack's repository. So an application that is added
// to cozystack shows up without a new release of this server.
//
// [Source] has the list (source.go). [Source.Run] asks GitHub for it in the
// background, at most once an hour (fetch.go), takes nothing that is no list of
// applications (list.go), and keeps the last good one in the server's file. Where
// neither has one, the list of kinds.csv serves.
//
// [Source.ByApp] and [Source.Keep] read what is known, without a lock, so nothing
// here is ever in the way of a request: kinds become applications by both
// (names.go), and kinds that nobody knows are shown within bounds (keep.go).
package appsource
