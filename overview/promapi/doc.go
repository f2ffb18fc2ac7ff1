// Package promapi asks a VictoriaMetrics, a cluster's vmselect or a single node,
// and takes nothing but whole and fresh answers.
//
// client.go knows the addresses, and finds out which of the two the server is.
// transport.go says which answers are read: with status 200, in full, within a bound,
// of all storage nodes. What is no such answer is an error, before the library that
// asks on top of it, client_golang's, decodes any of it. query.go has the questions:
// the figures of one instant, the values of a label, and a stream of VictoriaMetrics'
// own.
//
// Nothing is asked again here, and nothing logged: how long to wait, and what an
// error is worth, differs between who asks for a page and who asks for a year.
package promapi
