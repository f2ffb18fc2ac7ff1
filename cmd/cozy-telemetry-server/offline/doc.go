// Package offline has the commands on a file at rest: no server has it open, and most of
// them only read it.
//
// [Commands] lists them (offline.go, with what they share). Those that tell what is in a
// file are inspect, verify, export and overview; those that make a new file of old ones
// are merge and compact (rewrite.go), and restore, which reads a mirror; forget changes
// one in place; resend sends days of one to VictoriaMetrics. Each is in the file of its
// name: first the command with its flags, then what it does. How a database is read and
// rewritten is package store's, and a mirror's is overview/mirror's.
package offline
