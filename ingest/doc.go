// Package ingest takes the reports of Cozystack's clusters and brings them to
// VictoriaMetrics.
//
// A report is one POST in the exposition format. [Handler] refuses what is over
// a limit before it does any work, a [Parser] reads the body line by line into
// samples, [AppendLines] writes them out again as they are forwarded: under the
// sender's cluster_id and with the time of receipt. The text that leaves is made
// anew from parsed names and values, so no bytes of a body reach VictoriaMetrics
// as they came, and none can spell a line of another cluster.
//
// Reports repeat: the same series, spelt in the same way, from every cluster, in
// every quarter of an hour. So the parser lets expfmt, the reference for the
// format, read each spelling of a series once, and remembers what it meant. A
// line with a known spelling and a plain number is taken without expfmt; every
// other line is expfmt's, and so is each refusal. A fuzz test holds the two to
// each other. Clients that print values without escapes get a second reading.
//
// The handler then records report and lines in one step and answers 200 only
// when that is on disk. [Forwarder] sends the lines on in its own time; what
// happens to it never changes an answer.
package ingest
