// Package operator is the page for who runs a server: what to look at first when something
// seems wrong. It is on the private listener.
//
// A [Page] is what it shows, in sections of rows; package serve fills it anew for each request,
// from what the metrics and the store know. [Handler] answers with it (handler.go). What no
// metric knows is kept here: how something goes that is tried again and again ([Pulses],
// pulse.go), and the last warnings of the log ([Warnings], warnings.go). [Hide] takes
// credentials out of what is shown (hide.go).
//
// The page has no script, and nothing of it is from elsewhere. No text can be more than text:
// html/template writes all of it.
package operator
