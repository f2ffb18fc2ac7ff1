// Package rewrite makes a file of others, in transactions of its own: no writer runs. The
// new file gets its name when it is whole, durable and checked.
//
// [Compact] copies a file key by key (compact.go). All else is a rebuild: records are taken
// over one by one, with dictionaries made anew (rebuild.go), from one file or several
// (database.go). [Combine] rebuilds several into one (combine.go), and says whose figures
// of a month stay (combinesnaps.go). [Forget] rebuilds a file without some instances or days
// (forget.go), takes them out of figures, exclusions and the queue (forgetfigures.go,
// forgetexcluded.go, forgetqueue.go), and notes that (forgetnote.go); [Survey] tells before
// what there is of them (survey.go). A [Forgetting] does the same to a file that a server
// has open (live.go): what comes meanwhile is added at the end (catchup.go).
package rewrite
