// Package cli is what the commands of the program share, the server among them.
//
// [Environment] is all that comes from outside. Flags get their twins in the
// environment ([BindTwins]), and a command refuses what is wrong with them, all at once
// ([Checked], and the checks in check.go), as a [UsageError]. A command that takes long
// shows how far it is ([Progress], [Steps]), one that writes a file gives it its name
// when it is whole ([WriteOut]), and all speak alike (words.go).
package cli
