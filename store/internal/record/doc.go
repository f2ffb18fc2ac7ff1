// Package record knows the bytes of the keys and values in the file, and nothing of
// the file: docs/database.md describes them. What does not decode is
// dberrors.ErrDamaged, and never a panic.
//
// In the order of the files: an instance is a key (keys.go). Its day and its month are
// records (day.go with marks.go, month.go with monthread.go), which are made of values
// (value.go), and name series by the numbers of a [Dictionary] (dictionary.go). What an
// older schema had becomes what this one has (schema2.go). A [DayReader] and a [MonthReader] walk a record as it
// lies in the file, for who wants only a part of it; [DecodeDay] and [DecodeMonth] read it
// with them. What waits to be forwarded is a block (block.go), and the
// figures of a month are JSON (snapshot.go).
package record
