// Package product tells what other products than Cozystack report, in tables: which
// fields of their JSON are kept and as what, whose a report is, and what a month shows.
// Each product is a folder below, with a table and an identity; this package has the one
// machine that all tables drive. It is pure: no I/O but the reader it is given, no clock,
// the standard library and the rollups only.
//
// # The way through
//
// A [Product] is the table (product.go): its [Field] rows, its [Figure] rows (figure.go),
// its routes, how long it is kept, and a function that reads names. [Words] hold texts to
// few values (words.go).
//
// A [Decoder] makes a [Report] of a request's body (decoder.go). Its scanner (scanner.go, scantext.go)
// goes once through the JSON and keeps nothing that no field asks for; where fields stand
// is a tree of keys (trie.go), which the walk follows (walk.go) and fills rows (fill.go).
//
//	decoder, err := product.NewDecoder(synapse.Product(), keepNames) // once
//	report, err := decoder.DecodeFrom(samples[:0], body, request.Header.Get)
//	id, err := p.ID(keys, report.Name, rollup.DateOf(received))
//	// id "": count the report, record nothing. Else record report.Samples under id.
//
// What is wrong with a report is an [*Error]: its Message is for the client, and answered
// with 400. Any other error is the body's reader's. A field of a wrong type is left out,
// and named in LeftOut: count it.
//
// [Product.ID] hashes the name under a key that [Keys] hand out (identity.go): of the file,
// or of the day for products whose names are those of sessions. Of those no hour may be
// kept, so they are received at the day's start.
//
// A [Tally] makes [Figures] of months (tally.go, counter.go), in any order:
//
//	tally := product.NewTally(p)
//	tally.Add(month, instanceMonth) // or AddSession(date, day) of a product of sessions
//	figures := tally.Figures()
//	public := p.Public(figures, minShare)
//
// Months of several calendar months make the figures of their window, each instance once;
// a tally of one day's sessions makes its totals. What is stored are the figures, and what
// is published are those of [Product.Public], without the shares of few instances
// (public.go).
package product
