// Package ingest takes the reports of Cozystack's clusters, and those of other products,
// from a request to what is recorded of it.
//
// A report is one request. [Handler] carries it from its header to the disk (handler.go), by
// the same steps for all products. Their formats differ: Cozystack's is the exposition format
// (cozystack.go), that of the others JSON that package product decodes by a table
// (product.go). It refuses what is over a limit before it does any work:
// the id (cluster.go), how often it reports and from where (senders.go, shares.go,
// origin.go), which tells of proxies that are not named as well (proxywatch.go).
// Two gates bound the memory of all requests together (budget.go): the body is read
// through the first (body.go), and waits at the second until it may be parsed and
// recorded. Large JSON stays at the first and is decoded as it comes.
//
// A [Parser] reads the body line by line into samples (parse.go). Reports repeat: the
// same series, spelt in the same way, from every cluster, in every quarter of an hour.
// So a scanner (scan.go, split.go, value.go) takes a line with a known spelling and a
// plain number by itself, and knows it by a table of spellings (table.go). Every other
// line is read by expfmt, the reference for the format, and so is each refusal
// (exact.go). A fuzz test holds the two to each other. Clients that print values
// without escapes get a second reading (unescaped.go). What a report may be is in
// limits.go and plausible.go; [Rules] hold samples to it that come another way
// (rules.go).
//
// The handler then records the report, and the lines that are forwarded of it, in one
// step, and answers 200 only when that is on disk. Every other answer is a [Refusal]
// (refusal.go). A [Previewer] tells what would come of a report, by the same steps, and
// ends before that (preview.go, previewed.go).
package ingest
