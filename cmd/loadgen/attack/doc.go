// Package attack does to a telemetry server what a stranger can do: one that it starts
// on this machine, with default limits, and never another one. [Run] returns a [Table]
// with what the figures were before, during and after each attack, once it was undone,
// and which promises were broken.
//
// Each attack has a stage of its own (stage.go): a server on a copy of one file that has
// months of an honest fleet (lab.go), which goes on to report all the time (crowd.go).
// What is tried stands in attacks.go, floods.go and doors.go, how it is undone in undo.go.
//
// A proxy is trusted, so that reports can come from anywhere in the world; its addresses
// stand in headers only. Nothing is forwarded: what waits is in the file, as in an outage.
package attack
