// Package bench measures the telemetry server beside the programs that it is
// compared to, all of them as real processes on this machine: vmagent takes
// reports, VictoriaMetrics counts months, and a bare bbolt file shows what the
// disk costs. [Run] returns a [Table] with a row for each goal.
//
// Every program has the same processors as the generator. Processor time is read
// from /proc, so that the generator's own is not counted; what is measured in
// rounds takes turns, and the median counts. Reports are sent by two clients: a lean one,
// which leaves the processors to the server, and an ordinary one of net/http.
package bench
