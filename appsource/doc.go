// Package appsource knows which applications cozystack has, and which of them
// a reported kind belongs to.
//
// Two things are combined. kinds.csv, built in, maps the kinds that clusters
// report to the names of applications. The list of applications says which
// names are shown even when nobody runs them; it is the content of the folder
// packages/apps of cozystack's repository, asked of GitHub at most once an hour,
// kept in the server's file, and built in for the case that neither is there.
// So an application that is added to cozystack shows up without a new release
// of this server.
//
// [Source.Run] asks in the background. Nothing here is ever in the way of a
// request: [Source.ByApp] reads what is known, without a lock.
package appsource
