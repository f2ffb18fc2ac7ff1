// Package rewrite makes a file of files that no server has open, in transactions of its
// own: no writer runs. The new file gets its name when it is whole, durable and checked.
//
// [Compact] copies a file key by key (compact.go). All else is a rebuild: records are taken
// over one by one, with dictionaries made anew (rebuild.go), from one file or several
// (database.go). [Combine] rebuilds several into one (combine.go), and says whose figures
// of a month stay (combinesnaps.go). [Forget] rebuilds a file without an instance
// (forget.go), and takes it out of figures and the queue (forgetfigures.go, forgetqueue.go).
package rewrite
