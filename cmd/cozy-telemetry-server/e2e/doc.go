// Package e2e has the tests of the whole program: it runs as a process of its own, with
// real files, a real VictoriaMetrics, and a kernel that fails where it is told to.
//
// The test binary stands in for the program (main_test.go). How one is started, asked
// and stopped is in process_test.go, how strace kills it in strace_test.go; what it
// forwards to is in victoria_test.go and, where the receiver must misbehave, in
// sink_test.go. The tests are in files by their theme, which a file's name begins with:
//
//   - fault: what breaks beside the server, or under it (docs/faults.md)
//   - kill: the server is killed, again and again; make torture runs these for longer
//   - hostile: senders that mean ill, or are too many
//   - history: months of a fleet, from both sources, taken over and sent again
//   - products: those beside Cozystack
//   - command: what a user types, without a server and beside one
//   - browser: how Chromium is started, driven and watched
//   - pages: what is seen in it, with and without JavaScript
//
// forward, metrics, privacy and days are files of one theme each, and
// testdata/script has what users do first. Tests of a room's inside stand beside its
// code.
package e2e
