// Package serve is the server. [Config] is what its flags say (flags.go, with those
// of senders and of connections in senders.go and connections.go, and check.go for what
// is wrong with them), and [Run] serves by them until its context ends.
//
// A start opens the file, or says why it must not (open.go), holds the mirror against
// it (mirrored.go), builds all parts upon it (serve.go), and opens the listeners
// (listeners.go). A report then comes in through the public one (public_handler.go),
// which hands it to package ingest. What became of it comes back (events.go), is counted
// (metrics.go, and in observed.go what is looked at when the metrics are read), and told
// where an operator should know: of refusals at a pace (refusals.go). Beside the listeners
// run the loops of the other packages (run.go), and retention's own (retention.go). A stop
// ends the listeners first, then the loops, and mirrors what changed last. What is said at
// the start, and how, is in log.go.
package serve
