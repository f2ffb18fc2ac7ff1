// Package fleet simulates the clusters that report to a telemetry server, and
// knows what a server must count after it has seen their reports.
//
// Time passes in steps; in each step a cluster that is alive sends what its two
// clients send: cozystack-operator the infrastructure, cozystack-controller the
// applications. What is in a report follows from the seed, the cluster's index
// and the step alone, so the same fleet can be rendered again, in any order and
// by many goroutines, without keeping anything.
//
// The fleet does what makes counting hard. Kernels are upgraded node by node, so
// that for a few reports one cluster has two series of cozy_nodes_count. Numbers
// go up and down, though most reports repeat the one before. Clusters are born
// and die. Some are from before v1.0: a single client, which knows only of
// tenants. Some carry the kind PostgreSQL beside Postgres.
//
// A lifelike fleet does so as real ones do over months, for pictures and for looking at. One
// cluster in five is there on the first day, others come throughout, and some of them soon
// leave. Releases of Cozystack come out every six to eight weeks, with patches; some clusters
// upgrade at once, most with a delay of their own, some never. Kubernetes, systems and kernels
// follow. Nodes and applications grow unevenly, and in one dip a fifth of all reports nothing.
// A few values are rare. None is from before v1.0.
//
// [Truth] is the oracle. It is computed from the simulation, never from the
// text of a report, and shares no code with the server.
package fleet
