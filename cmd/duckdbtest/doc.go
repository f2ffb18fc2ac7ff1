// Package duckdbtest holds a test alone: DuckDB's answers from exported tables are
// the overview's.
package duckdbtest
