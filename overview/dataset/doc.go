// Package dataset makes files of what is published: a row for each figure, so that a
// spreadsheet, DuckDB or pandas reads them without knowing what clusters report.
//
// rows.go makes [Row]s of the shapes of package published, and file.go bytes of rows. The same
// figures make the same bytes, by a server and by the command that computes a month again.
package dataset
