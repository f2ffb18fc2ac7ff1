// Package forward brings what was recorded to VictoriaMetrics: it writes samples as
// lines, and sends lines.
//
// [AppendLines] writes a report (lines.go), [AppendDay] what a day keeps of a cluster
// (day.go): each line under the sender's cluster_id and with a time. Reports of other
// products have [AppendInstanceLines], and sessions, which nothing may tell apart, only
// [AppendTotals] of a day. The text is made
// anew from parsed names and values, so no bytes of a body reach VictoriaMetrics as
// they came, and none can spell a line of another cluster.
//
// The store queues the lines of reports as blocks, each a whole gzip member.
// [Forwarder] sends them on, in order and in its own time: what happens to it never
// changes an answer to a cluster. It takes as many blocks for a request as its window
// says (forwarder.go, window.go), sets their members one behind the other (members.go),
// posts them and sorts what came of it (client.go). What the receiver can't take now
// is sent again. What it will never take is halved until a single block is left, and
// only that is dropped.
//
// [Sender] sends lines while its caller waits (sender.go). It drops nothing, and gives
// up: it is for commands.
package forward
