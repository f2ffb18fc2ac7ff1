// Package boltfile is what a database file is to any program that has one in bbolt: it
// knows pages, keys and disks, and not what is in the file. Whether a file is ours is
// told by who calls.
//
// A file is looked through before it is opened (check.go), then opened and locked
// (open.go). Whatever bbolt does with it runs under [Guard], which makes an error of a
// damaged page (guard.go). The writer asks a [Room] before it makes the file larger
// (room.go). A new file is a copy (copy.go), which gets its name when it is found whole
// (newfile.go). pages.go reads a file as plain bytes, for who wants to know all that is
// wrong with it.
package boltfile
