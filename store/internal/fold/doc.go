// Package fold is the walk over the days and months of all instances: what each of them
// has in each month of a window.
//
// [Indexes] say what the numbers of each month's dictionary mean to a fold (index.go). A
// [Walk] goes over the partitions of a window side by side, one instance at a time
// (walk.go), and adds up what the records of a month say of it, as they lie in the file
// (sum.go), but for the instances that its caller knows to be as they were. [Days] folds days
// for who closes them into their month (days.go). Memory grows with the dictionaries, not with
// the instances.
package fold
