// Package load brings the reports of a simulated fleet to where they are
// counted. [Post] sends them to a telemetry server, as many as it takes, and
// measures; [History] writes whole months of them into a VictoriaMetrics, as the
// server would have forwarded them; [DB] makes a database file that has them.
// [PostOthers] and [Others] do the like for the installations of other products.
// All return the true figures of exactly what was accepted. [Get] measures how
// fast figures are read. [Send] sends whatever it is given, from wherever a proxy
// would say.
package load
