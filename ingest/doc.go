// Package ingest takes the reports of Cozystack's clusters and brings them to
// VictoriaMetrics.
//
// A report is one POST in the exposition format. [Handler] refuses what is over
// a limit before it does any work, [Parse] reads the body line by line into
// samples, [Lines] writes them out again as they are forwarded: under the
// sender's cluster_id and with the time of receipt. The text that leaves is made
// anew from parsed names and values, so no bytes of a body reach VictoriaMetrics
// as they came, and none can spell a line of another cluster.
//
// The handler then records report and lines in one step and answers 200 only
// when that is on disk. [Forwarder] sends the lines on in its own time; what
// happens to it never changes an answer.
package ingest
