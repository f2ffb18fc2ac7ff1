// Package child starts real programs on this machine and looks at them: [Start]
// (child.go) waits until one serves, [Get] and [Await] (ask.go) ask it,
// [CPUTime], [PeakMemory] and [OwnMemory] (proc.go) read what it uses, and [CopyFile]
// (file.go) gives each a file of its own.
package child
